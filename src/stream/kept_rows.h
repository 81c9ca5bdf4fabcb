// State of an operator that is rows of its input: what of them is kept in memory and on disk.
#pragma once

#include "stream/operator.h"

namespace stream {

// The columns of the input that a SELECT names (all of them when it says *).
columns::Schema needed_columns(const Tree& tree, const columns::Schema& input);
// "a", "b"
std::string column_list(const columns::Schema& schema);
// `l.k0 IS NOT DISTINCT FROM r.k0 AND …`
std::string same_keys(const std::vector<std::string>& keys, const std::string& left,
                      const std::string& right);
// Counts of the input by partition, and of the rows that its WHERE drops.
base::Result<> count_rows_in(Epoch& epoch, const Plan& plan, const Relation& input,
                             Outcome& outcome);

}  // namespace stream
