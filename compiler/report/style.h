// The style of reports: system fonts, one column, and two palettes of the same names, light and dark. The colours of a
// graph's SVG (report/graph.h) are replaced here too, because graphviz knows one palette only.
#pragma once

namespace dlc {

inline constexpr const char* kStyle = R"css(:root {
  color-scheme: light dark;
  --paper: #fdfdfb; --ink: #1d2126; --soft: #5d6670; --line: #d9dcd8; --panel: #f3f4f0;
  --accent: #0b5c8a; --adjoint: #a3360f; --good: #1c6b34; --bad: #b3121d;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171a; --ink: #e4e6e3; --soft: #9aa3ab; --line: #343a40; --panel: #1d2125;
    --accent: #74bde8; --adjoint: #f0976b; --good: #7cc990; --bad: #ff7b80;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 2.5rem 1.5rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .4rem; }
h2 { font-size: 1.35rem; margin: 3.2rem 0 .3rem; padding-top: 1.4rem; border-top: 2px solid var(--line); }
h3 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
p { margin: .5rem 0; max-width: 46rem; }
a { color: var(--accent); }
code, pre, .mono { font-family: ui-monospace, "Cascadia Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: .88em; }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: .8rem 1rem; overflow-x: auto; line-height: 1.45; }
.soft { color: var(--soft); }
.doc { font-style: italic; }
.good { color: var(--good); }
.bad { color: var(--bad); font-weight: 600; }
.adjoint { color: var(--adjoint); }
.wide { overflow-x: auto; margin: .6rem 0 1rem; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { padding: .32rem .9rem .32rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th { border-bottom: 2px solid var(--soft); white-space: nowrap; }
tbody th { font-weight: 500; white-space: nowrap; }
td.number, th.number { text-align: right; white-space: nowrap; padding-left: .9rem; padding-right: 0; }
td.mono, th.mono, td.number { white-space: nowrap; }
td.words { min-width: 9rem; max-width: 15rem; font-size: .86rem; padding-left: .9rem; padding-right: 0; text-align: right; }
td.array { min-width: 12rem; font-variant-numeric: tabular-nums; padding-left: .9rem; padding-right: 0; }
ul { margin: .5rem 0; padding-left: 1.3rem; max-width: 46rem; }
details { margin: .6rem 0; }
summary { cursor: pointer; color: var(--accent); }
.formula { overflow-x: auto; padding: .5rem 0; }
math { font-family: "Latin Modern Math", "STIX Two Math", "Cambria Math", "Libertinus Math", math; font-size: 1.3rem; }
.formula > math { width: max-content; margin: 0 0 0 1rem; }
math mtable.lines > mtr > mtd { padding: .45em .15em; text-align: left; }
math mtable.lines > mtr > mtd:first-child { text-align: right; }
.graph { overflow-x: auto; margin: .6rem 0; }
.graph svg { max-width: 100%; height: auto; }
.graph text { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: var(--ink); }
.graph text[fill="#a3360f"] { fill: var(--adjoint); }
.graph text[fill="#5d6670"] { fill: var(--soft); }
.graph path { stroke: var(--soft); }
.graph .node path { fill: var(--panel); }
.graph .edge path { fill: none; }
.graph .edge polygon { fill: var(--soft); stroke: var(--soft); }
.graph .input path { stroke: var(--accent); stroke-width: 1.6; }
.graph .result path { stroke: var(--adjoint); stroke-width: 1.6; }
footer { margin-top: 3.5rem; padding-top: 1rem; border-top: 1px solid var(--line); font-size: .88rem; color: var(--soft); }
@media print { main { max-width: none; } h2 { break-before: page; } }
)css";

}  // namespace dlc
