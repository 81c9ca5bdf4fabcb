// How aggregates are taken apart: what is computed of an epoch's rows, and how the parts of many
// epochs make the whole.
//
// Pure, except that expressions are printed and parsed by a connection.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "stream/tree.h"

namespace stream {

struct PartialAggregates {
  // Columns of the parts, `SQL AS name`: values that count once each (of DISTINCT), by which the
  // parts are grouped as well; and sums.
  std::vector<std::string> values;
  std::vector<std::string> parts;
  // What adds two parts up, by the names of `parts`: `sum(_wb_p0) AS _wb_p0`.
  std::vector<std::string> merges;
  // The aggregates that were found, and what each is over the parts.
  std::vector<std::pair<Tree, Tree>> wholes;
};

// The aggregates in some expressions. `weighted`: the rows have kWeight, so that only what can be
// taken back has parts. nullopt when one of them has none.
base::Result<std::optional<PartialAggregates>> take_apart(sql::Connection& connection,
                                                          const std::vector<Tree>& expressions,
                                                          bool weighted);

// The expression with each of `from` replaced by its partner.
Tree replaced(const Tree& expression, const std::vector<std::pair<Tree, Tree>>& from);

}  // namespace stream
