// A pattern made ready for one connection: its SQL bound, its engine, and how rows get into it.
// What the operator of a pipeline and a run over history have in common.
//
// Threads: one (the connection's).
#pragma once

#include <memory>
#include <string>

#include "stream/pattern_output.h"

namespace stream {

class PatternReader {
 public:
  // Binds everything against the columns of the source, for the temporary table `input`.
  static base::Result<std::unique_ptr<PatternReader>> make(sql::Connection& connection,
                                                           const runs::Model& model,
                                                           const columns::Schema& source,
                                                           const std::string& input);

  const Pattern& pattern() const { return pattern_; }
  const PatternOutput& output() const { return *output_; }
  PatternEngine& engine() { return *engine_; }
  const columns::Schema& kept() const { return kept_; }
  // Event time as microseconds, as SQL over the source.
  std::string time_us() const {
    return fmt::format("epoch_us({})", sql::quote_name(pattern_.time));
  }
  // The rows that take part, as SQL over the source; empty: all.
  const std::string& where() const { return where_; }

  // Gives the rows of `input` under `condition` to the engine, and their kept columns back.
  base::Result<columns::Batch> take(sql::Connection& connection, const std::string& input,
                                    const std::string& condition);
  // Rows that take() gave once.
  base::Result<> take_again(sql::Connection& connection, const columns::Batch& rows);
  // Forgets all rows.
  void start_anew();

 private:
  base::Result<> bind(sql::Connection& connection, const runs::Model& model,
                      const columns::Schema& source, const std::string& input);
  base::Result<> check_columns(const runs::Model& model, const columns::Schema& source) const;
  void choose_kept(const columns::Schema& source);

  Pattern pattern_;
  PatternConditions conditions_;
  std::unique_ptr<PatternOutput> output_;
  std::unique_ptr<PatternEngine> engine_;
  columns::Schema kept_;
  std::string where_;
};

}  // namespace stream
