// Topics whose records name schemas of a registry: it is away, it comes back, it has new columns.
#include "schema/registry.h"

#include <spdlog/spdlog.h>

#include <thread>

#include "schema/wire_decoder.h"
#include "stream/world.h"

namespace stream {
namespace {

using stream_test::must;
using stream_test::Record;
using stream_test::World;

// A real registry behind a line that can be cut.
class Line final : public schema::SchemaLookup {
 public:
  explicit Line(std::shared_ptr<const schema::Registry> registry)
      : registry_(std::move(registry)) {}
  base::Result<schema::ResolvedSchema> by_id(std::int32_t id) const override {
    if (cut) return base::fail(base::Code::kUnavailable, "the schema registry does not answer");
    return registry_->by_id(id);
  }
  base::Result<std::vector<schema::ResolvedSchema>> versions(
      const std::string& subject) const override {
    if (cut) return base::fail(base::Code::kUnavailable, "the schema registry does not answer");
    return registry_->versions(subject);
  }

  std::atomic<bool> cut = false;

 private:
  std::shared_ptr<const schema::Registry> registry_;
};

constexpr const char* kOne = R"({"type":"object","properties":{"id":{"type":"string"}}})";
constexpr const char* kTwo =
    R"({"type":"object","properties":{"id":{"type":"string"},"weight":{"type":"number"}}})";

class RegistryTest : public testing::TestWithParam<bool> {
 protected:
  RegistryTest() : folder_(stream_test::fresh_folder()) {
    spdlog::set_level(spdlog::level::off);
    std::filesystem::create_directories(folder_);
    registry_ = must(schema::Registry::open(base::posix_file_system(), folder_ / "schemas.log"));
    if (!registry_->set_config("", {.level = schema::Level::kNone, .normalize = {}}))
      throw std::runtime_error("the registry takes no level");
    line_ = std::make_shared<Line>(registry_);
  }
  ~RegistryTest() override {
    world_.reset();
    registry_.reset();
    std::filesystem::remove_all(folder_);
    spdlog::set_level(spdlog::level::info);
  }

  std::int32_t add(const std::string& subject, const std::string& text) {
    const auto added = registry_->add(subject, {.document = {schema::SchemaType::kJson, text, {}}});
    if (!added) throw std::runtime_error(added.error().message);
    return added->id;
  }

  schema::TopicSchema topic(bool evolves) {
    auto topic = World::parsed({"topic: a\nformat: json_schema\nregistry: embedded\n"}).front();
    topic.lookup = line_;
    must(topic.evolve());
    topic.evolves = evolves;
    return topic;
  }
  void begin(bool evolves) {
    const std::string text =
        "---\ntable: silver.rows\nmode: streaming\n---\nSELECT id FROM bronze.a";
    world_ = std::make_unique<World>(std::vector{topic(evolves)},
                                     std::vector{must(runs::parse_model(text, "models/x.sql"))},
                                     std::map<std::string, quality::Suite>{});
    must(world_->start());
  }
  void send(std::int32_t id, const std::string& body) {
    world_->append({{"k", schema::wire_header(id) + body}});
  }
  bool alerts() {
    return std::ranges::any_of(world_->alerts().list(), [](const quality::Alert& alert) {
      return alert.id == "pipeline/a" && !alert.resolved_us;
    });
  }
  template <class Condition>
  static bool comes(const Condition& condition) {
    for (int i = 0; i < 2'000 && !condition(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return condition();
  }
  base::Error next_error() {
    for (int i = 0; i < 1'000; ++i) {
      const auto ran = world_->epoch();
      if (!ran) return ran.error();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return {.message = "none"};
  }

  std::filesystem::path folder_;
  std::shared_ptr<schema::Registry> registry_;
  std::shared_ptr<Line> line_;
  std::unique_ptr<World> world_;
};

TEST_P(RegistryTest, RecordsWaitForARegistryThatIsAway) {
  const std::int32_t id = add("a-value", kOne);
  begin(GetParam());
  line_->cut = true;
  send(id, R"({"id":"x"})");
  const base::Error error = next_error();
  EXPECT_EQ(error.code, base::Code::kUnavailable) << error.to_string();
  EXPECT_EQ(world_->snapshot("bronze.a")->rows(), 0);
  line_->cut = false;
  must(world_->start());
  must(world_->drain());
  EXPECT_EQ(world_->snapshot("silver.rows")->rows(), 1);
  EXPECT_EQ(world_->snapshot(kDeadLetters)->rows(), 0);
  EXPECT_EQ(world_->counts("silver.rows").dead, 0);
}

TEST_P(RegistryTest, AnEpochThatWasCutOffWaitsForARegistryThatIsAway) {
  const std::int32_t id = add("a-value", kOne);
  begin(GetParam());
  world_->fault.cut_after(1);  // the plan is there, and nothing else
  send(id, R"({"id":"x"})");
  EXPECT_EQ(next_error().code, base::Code::kUnavailable);
  world_->fault.steps_left = -1;
  world_->stop();
  line_->cut = true;
  EXPECT_EQ(world_->start().error().code, base::Code::kUnavailable);
  line_->cut = false;
  must(world_->start());
  EXPECT_EQ(world_->snapshot("silver.rows")->rows(), 1);
  EXPECT_EQ(world_->snapshot(kDeadLetters)->rows(), 0);
}

INSTANTIATE_TEST_SUITE_P(Topics, RegistryTest, testing::Bool(), [](const auto& info) {
  return std::string(info.param ? "Evolving" : "Fixed");
});

class Evolution : public RegistryTest {};

TEST_P(Evolution, NewColumnsThatAReplayMeetsAreTakenUp) {
  add("a-value", kOne);
  const std::int32_t wide = add("other-value", kTwo);  // the topic's subject lacks it
  begin(true);
  world_->fault.cut_after(1);
  send(wide, R"({"id":"x","weight":1.5})");
  std::atomic<bool> ended = false;
  std::jthread running([&](std::stop_token stop) {
    world_->pipeline().run(std::move(stop));
    ended = true;
  });
  EXPECT_TRUE(comes([&] { return alerts(); })) << "the epoch was not cut off";
  add("a-value", kTwo);
  world_->fault.steps_left = -1;
  EXPECT_TRUE(comes([&] { return ended.load(); })) << "it does not make way for new columns";
  running.request_stop();
  running.join();
  EXPECT_FALSE(alerts());
  world_->change_topic(topic(true));
  must(world_->start());
  const auto bronze = world_->snapshot("bronze.a");
  EXPECT_EQ(bronze->rows(), 1);
  EXPECT_TRUE(bronze->metadata().schema.find("weight"));
  EXPECT_EQ(world_->snapshot(kDeadLetters)->rows(), 0);
}

TEST_P(Evolution, AnotherConflictAlertsAndIsTriedAgain) {
  const std::int32_t id = add("a-value", kOne);
  begin(true);
  world_->fault.refused = true;
  send(id, R"({"id":"x"})");
  std::atomic<bool> ended = false;
  std::jthread running([&](std::stop_token stop) {
    world_->pipeline().run(std::move(stop));
    ended = true;
  });
  EXPECT_TRUE(comes([&] { return alerts(); }));
  std::this_thread::sleep_for(std::chrono::milliseconds(700));
  EXPECT_FALSE(ended);
  world_->fault.refused = false;
  EXPECT_TRUE(comes([&] { return world_->caught_up() && !alerts(); }));
  running.request_stop();
  running.join();
  EXPECT_EQ(world_->snapshot("silver.rows")->rows(), 1);
}

TEST_P(Evolution, ARetiredPipelineSteersNothingAnyMore) {
  add("a-value", kOne);
  begin(true);
  Pipeline& pipeline = world_->pipeline();
  pipeline.retire(pipeline.hold());
  for (const auto& answer : {pipeline.pause("silver.rows"), pipeline.resume("silver.rows"),
                             pipeline.rewind("silver.rows")}) {
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, base::Code::kUnavailable);
    EXPECT_EQ(answer.error().mend, "ask again");
  }
}

INSTANTIATE_TEST_SUITE_P(Topics, Evolution, testing::Values(true));

}  // namespace
}  // namespace stream
