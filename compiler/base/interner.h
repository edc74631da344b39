// Strings as small integers. Equal strings have equal ids; the text lives as long as the interner.
#pragma once
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/ids.h"

namespace dlc {

class Interner {
 public:
  StrId intern(std::string_view text) {
    if (auto it = ids_.find(text); it != ids_.end()) return it->second;
    texts_.emplace_back(text);
    const StrId id{static_cast<int32_t>(texts_.size()) - 1};
    ids_.emplace(texts_.back(), id);
    return id;
  }
  std::string_view operator[](StrId id) const { return id ? std::string_view(texts_[static_cast<size_t>(id.i)]) : ""; }

 private:
  std::deque<std::string> texts_;  // a deque: its strings never move, so the views in ids_ stay good
  std::unordered_map<std::string_view, StrId> ids_;
};

}  // namespace dlc
