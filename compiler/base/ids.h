// Index types. Every entity of the compiler is named by an index into a vector that owns it; giving each
// its own type makes mixing them a compile error, and an index survives the vector's growth where a
// pointer would not.
#pragma once
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace dlc {

/// An index into the table of `Tag`s. A default-constructed id is *absent*: AD, for one, uses an absent
/// tangent to mean "structurally zero", which is not the same as a tensor of zeros.
template <class Tag>
struct Id {
  int32_t i = -1;
  constexpr explicit operator bool() const { return i >= 0; }
  constexpr auto operator<=>(const Id&) const = default;
};

using ValueId = Id<struct ValueTag>;   // an instruction (or block parameter) of one Func
using BlockId = Id<struct BlockTag>;   // a region body of one Func
using TypeId = Id<struct TypeTag>;     // interned type
using DimId = Id<struct DimTag>;       // interned size polynomial
using FuncId = Id<struct FuncTag>;     // function of one Module
using StrId = Id<struct StrTag>;       // interned string
using AttrId = Id<struct AttrTag>;     // interned attribute
using OpId = Id<struct OpTag>;         // row of the op table
using FileId = Id<struct FileTag>;     // source file

}  // namespace dlc

template <class Tag>
struct std::hash<dlc::Id<Tag>> {
  size_t operator()(dlc::Id<Tag> id) const noexcept { return static_cast<size_t>(id.i) * 0x9E3779B97F4A7C15ull; }
};
