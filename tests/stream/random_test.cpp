// Random models over random records, cut, killed and started again at random: their tables equal
// DuckDB's answer over all records at once.
//
// WAYBILL_STREAM_CASES says how many cases (300 without it), WAYBILL_STREAM_SEED the first seed.
#include <spdlog/spdlog.h>

#include <cstdlib>

#include "stream/random_case.h"

namespace stream_test {
namespace {

constexpr int kTriesToShrink = 150;
constexpr int kFailuresMax = 3;  // then the run ends

std::uint32_t number_from(const char* variable, std::uint32_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : static_cast<std::uint32_t>(std::strtoul(text, nullptr, 10));
}

class RandomModelsTest : public testing::Test {
 protected:
  void SetUp() override { spdlog::set_level(spdlog::level::off); }
  void TearDown() override { spdlog::set_level(spdlog::level::info); }
};

TEST_F(RandomModelsTest, TablesAreWhatOneBatchOverAllRecordsGives) {
  const std::uint32_t cases = number_from("WAYBILL_STREAM_CASES", 300);
  const std::uint32_t first = number_from("WAYBILL_STREAM_SEED", 1);
  int failures = 0;
  for (std::uint32_t i = 0; i < cases && failures < kFailuresMax; ++i) {
    const RandomCase c = random_case(first + i);
    const std::string wrong = wrong_with(c);
    if (i % 100 == 99) fmt::print("{} random cases\n", i + 1), std::fflush(stdout);
    if (wrong.empty()) continue;
    ++failures;
    const RandomCase small =
        shrunk(c, [](const RandomCase& less) { return !wrong_with(less).empty(); }, kTriesToShrink);
    ADD_FAILURE() << "WAYBILL_STREAM_SEED=" << c.seed << " WAYBILL_STREAM_CASES=1:\n"
                  << wrong << "shrunk:\n"
                  << to_text(small) << wrong_with(small);
  }
}

// The models are not what their tables are judged by: one drops the rows with 13.
TEST_F(RandomModelsTest, AFaultIsShrunkToWhatShowsIt) {
  const auto model = [](const std::string& table, const std::string& sql) {
    return fmt::format("---\ntable: {}\nmode: streaming\n---\n{}", table, sql);
  };
  RandomCase c = random_case(7);
  c.models = {model("silver.good", "SELECT id, w FROM bronze.b"),
              model("silver.planted", "SELECT id, v FROM bronze.a WHERE v <> 13")};
  c.judged = {c.models[0],
              model("silver.planted", "SELECT id, v FROM bronze.a WHERE v IS NOT NULL")};
  for (Step& step : c.steps)
    if (!step.model.empty()) step = {.events = step.events};
  Event shows{0, {"k1", R"({"id":"a0","event_time":"2026-09-21T14:00:00Z","k":"k1","v":13})"}};
  auto& events = c.steps.at(1).events;
  events.insert(events.begin(), shows);
  ASSERT_NE(wrong_with(c), "");
  const RandomCase small =
      shrunk(c, [](const RandomCase& less) { return !wrong_with(less).empty(); }, 100);
  EXPECT_EQ(small.events(), 1U) << to_text(small);
  EXPECT_EQ(small.steps.size(), 1U) << to_text(small);
  EXPECT_EQ(small.models.size(), 1U) << to_text(small);
  EXPECT_NE(to_text(small).find("\"v\":13"), std::string::npos) << to_text(small);
  EXPECT_NE(wrong_with(small).find("| 13 |"), std::string::npos) << wrong_with(small);
}

}  // namespace
}  // namespace stream_test
