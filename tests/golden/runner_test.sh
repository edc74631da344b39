#!/bin/sh
# Tests the golden runner itself, with `printf` and a shell script in the place of dlc: it must fail when it should.
#   runner_test.sh GOLDEN SLUGS_SCRIPT
set -u
golden=$1 slugs=$2
tmp=$(mktemp -d) && trap 'rm -rf "$tmp"' EXIT
mkdir "$tmp/cases" && cd "$tmp/cases" || exit 1
fail() { echo "golden runner: $1"; cat "$tmp/log"; exit 1; }
# dlc: prints its arguments, the last line of the file it is given, ids, an empty line and a message; exits as told.
cat >"$tmp/dlc" <<'DLC'
#!/bin/sh
case $1 in explain) echo a-slug; exit 0 ;; esac
printf '%s\n' "$1 $2" "$(tail -n 1 "$2")" '%7 = f %12, %7 (5%7)' '' && echo 'error[a-slug]: no' >&2
exit "${3:-0}"
DLC
chmod +x "$tmp/dlc"
run() { "$golden" "$tmp/dlc" "$@" "$tmp/cases" >"$tmp/log"; }

printf '// RUN: show %%s\nlast\n// OUT:\n// show good.dl\n// last\n// %%0 = f %%1, %%0 (5%%7)\n//\n// error[a-slug]: no\n' >good.dl
run || fail "a correct file fails"
sed 's/^\/\/ last/\/\/ lost/' good.dl >other_text.dl && run && fail "a wrong line passes"
rm other_text.dl
sed 's/show/fail/; s/%s/%s 3/' good.dl >fail_a-slug.one.dl && run && fail "a wrong exit status passes"
sed 's/%s/%s | cat/' good.dl >piped.dl
run --update || fail "--update fails"
grep -qx '// EXIT: 3' fail_a-slug.one.dl || fail "--update does not write the exit status"
run || fail "a file fails after --update"
cp good.dl good2.dl && run --update && run || fail "a file without a change of expectation fails"
sed -n '/OUT/,$p' good2.dl | grep -q 'good2.dl' || fail "the file's own name is not given"
"$slugs" "$tmp/dlc" "$tmp" >"$tmp/log" || fail "a shown slug is not found"
mv fail_a-slug.one.dl fail_b-slug.dl && "$slugs" "$tmp/dlc" "$tmp" >"$tmp/log" && fail "a slug without a test passes"
mkdir "$tmp/empty" && "$golden" "$tmp/dlc" "$tmp/empty" >"$tmp/log" && fail "a folder without cases passes"
echo "golden runner: good"
