// Gzip data (RFC 1952), told by its first two bytes and not by a file's name.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/result.h"

namespace dlc::runtime {

bool is_gzip(std::string_view bytes);

/// The unpacked bytes of one or more members. `path` is for messages. Fails on damage, on a truncated end, on bytes
/// that follow the last member, and when more than `max_bytes` would come out: a small file can unpack to a thousand
/// times its size.
Result<std::string> gunzip(std::string_view bytes, const std::string& path, int64_t max_bytes);

}  // namespace dlc::runtime
