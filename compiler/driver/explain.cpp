// `dlc explain`: the pages of messages, ops and kinks.
#include "pipeline/explain.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "driver/command.h"

namespace dlc {
namespace {

struct Options {
  std::string topic;
  bool list = false;
};

constexpr const char* kExamples =
    "Examples:\n"
    "  dlc explain unknown-name       a message, by the name in its brackets\n"
    "  dlc explain tanh               an op: its rules, identities and accuracy\n"
    "  dlc explain softmax            any function that a program can call\n"
    "  dlc explain kinks              what a derivative is where there is none\n"
    "  dlc explain --list             all messages";

int run(const Options& o, const Common& common) {
  if (o.list) {
    nlohmann::ordered_json slugs = nlohmann::ordered_json::array();
    std::string text;
    for (const DiagnosticKind* kind : all_diagnostics()) {
      slugs.push_back(kind->slug);
      text += std::string(kind->slug) + "\n";
    }
    print_out(common.json ? slugs.dump() + "\n" : text);
    return kDone;
  }
  if (o.topic.empty()) return wrong_usage("say what to explain: a message's name, a function, an op, or `kinks`; --list shows the messages", common);
  const auto topic = explain(o.topic);
  if (!topic) return wrong_usage(topic.error().message, common);
  if (common.json) {
    const char* kind = topic->kind == TopicKind::op ? "op" : topic->kind == TopicKind::function ? "function" : topic->kind == TopicKind::kinks ? "kinks" : "message";
    print_out(nlohmann::ordered_json{{"topic", topic->name}, {"kind", kind}, {"text", topic->text}}.dump() + "\n");
  } else {
    print_out(topic->text);
  }
  return kDone;
}

}  // namespace

void add_explain(CLI::App& app, Common& common) {
  CLI::App* command = app.add_subcommand("explain", "Explain a message, a function, an op, or the conventions at kinks");
  auto o = std::make_shared<Options>();
  command->add_option("TOPIC", o->topic, "A message's name, a function, an op, or kinks");
  command->add_flag("--list", o->list, "List all messages");
  add_common(*command, common, kExamples);
  command->callback([o, &common] { common.action = [o, &common] { return run(*o, common); }; });
}

}  // namespace dlc
