// The number types a meaning is written over, as concepts: `[](Real auto x) { … }` in a row says that the op has no
// int and no complex meaning, and the row's slots for those stay empty.
#pragma once
#include <complex>
#include <concepts>
#include <cstdint>

#include "base/big.h"

namespace dlc::meaning {

template <class T>
concept Native = std::same_as<T, double> || std::same_as<T, float>;
template <class T>
concept Real = Native<T> || std::same_as<T, Big>;
template <class T>
concept Integer = std::same_as<T, int64_t>;
template <class T>
concept Number = Real<T> || Integer<T>;
template <class T>
concept Complex = std::same_as<T, std::complex<double>>;
template <class T>
concept Analytic = Real<T> || Complex<T>;

}  // namespace dlc::meaning
