// Cron expressions from standard input, one per line: expression, zone, start in seconds of UTC,
// count, "next" or "previous", parted by tabs. Prints the times as seconds, or "error: …".
#include <iostream>
#include <sstream>
#include <string>

#include "batch/cron.h"

namespace {

std::string answer(const std::string& line) {
  std::istringstream in(line);
  std::string expression, zone_name, start, count, direction;
  for (std::string* part : {&expression, &zone_name, &start, &count, &direction})
    std::getline(in, *part, '\t');
  const auto cron = batch::Cron::parse(expression);
  if (!cron) return "error: " + cron.error().to_string();
  const auto zone = batch::TimeZone::find(zone_name);
  if (!zone) return "error: " + zone.error().to_string();
  base::TimestampUs at_us = std::stoll(start) * base::kUsPerSecond;
  std::string out;
  for (int i = std::stoi(count); i > 0; --i) {
    const auto found =
        direction == "previous" ? cron->previous(at_us, *zone) : cron->next(at_us, *zone);
    if (!found) return out + " none";
    at_us = *found;
    out += fmt::format("{}{}", out.empty() ? "" : " ", at_us / base::kUsPerSecond);
  }
  return out;
}

}  // namespace

int main() {
  std::string line;
  while (std::getline(std::cin, line)) std::cout << answer(line) << "\n";
  return 0;
}
