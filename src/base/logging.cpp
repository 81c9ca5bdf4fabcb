#include "base/logging.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <unistd.h>

namespace base {

void start_logging(std::string_view level) {
  auto logger = spdlog::stderr_color_mt("waybill");
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%-5l%$ %v", spdlog::pattern_time_type::utc);
  logger->set_level(spdlog::level::from_str(std::string(level)));
  spdlog::set_default_logger(logger);
}

void stop_process(std::string_view reason) {
  spdlog::critical("{}", reason);
  spdlog::default_logger()->flush();
  ::_exit(75);
}

}  // namespace base
