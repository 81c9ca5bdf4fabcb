// What stands between {{ and }} in a DAG's texts: interval.start, interval.end, parameters.NAME,
// dag, run, task, attempt; times with | date, | epoch or | epoch_ms behind them.
//
// Threads: free functions. A value goes into the text so that it stays one value there: it is
// quoted by where the text is used.
#pragma once

#include <string>

#include "batch/dag.h"

namespace batch {

struct TemplateValues {
  std::string dag;
  std::string run;
  std::string task;
  int attempt = 1;
  RunInterval interval;
  std::map<std::string, std::string> parameters;
};

enum class TemplatePlace : std::uint8_t {
  kText,   // as it is: paths, environment, headers (without control characters)
  kSql,    // inside or outside of quotes: ' is doubled
  kShell,  // one word
  kUrl,    // percent-encoded
  kJson,   // inside of a JSON text
};

// kInvalid when it names what there is not.
base::Result<> check_template(const std::string& text, const Dag& dag);
base::Result<std::string> render(const std::string& text, const TemplateValues& values,
                                 TemplatePlace place);

}  // namespace batch
