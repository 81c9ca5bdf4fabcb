// How far behind the watermark an expression over event times can still be: what says when state
// may be dropped.
//
// Pure, except that constants are computed by a connection. A lag is an upper bound of
// watermark - value, in microseconds, over all rows still to come: a value v with v + lag <
// watermark will not come any more. The event time of a stream that is not late has lag 0.
#pragma once

#include <functional>
#include <optional>

#include "stream/tree.h"

namespace stream {

// The lag of a column; nullopt when it does not follow the watermark.
using LagOf = std::function<std::optional<std::int64_t>(const ColumnName&)>;

// A constant interval of days or less in microseconds.
std::optional<std::int64_t> interval_us(sql::Connection& connection, const Tree& expression);
// The lag of columns, time_bucket, date_trunc, casts to date, differences with constant intervals,
// and series of these (their first value).
std::optional<std::int64_t> lag_of(sql::Connection& connection, const Tree& expression,
                                   const LagOf& column);
// The column that an expression is a constant step ahead of: value <= column + us.
struct Ahead {
  ColumnName column;
  std::int64_t us = 0;
};
std::optional<Ahead> ahead_of(sql::Connection& connection, const Tree& expression);

}  // namespace stream
