// What `dlc explain` knows: every diagnostic of every folder, the conventions at kinks, and a manual page for each op,
// written from its row.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostic.h"
#include "base/result.h"

namespace dlc {

/// Every row of every folder's table, in the order of the stages.
std::vector<const DiagnosticKind*> all_diagnostics();

enum class TopicKind : uint8_t { diagnostic, function, op, kinks };

struct Topic {
  TopicKind kind = TopicKind::diagnostic;
  std::string name, text;
};

/// The page of a slug, of a function that a program can call, of an op by its name or its symbol in the language, or of
/// `kinks`. The error suggests a name.
Result<Topic> explain(std::string_view name);

}  // namespace dlc
