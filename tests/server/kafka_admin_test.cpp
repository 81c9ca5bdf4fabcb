#include "server/kafka_fixture.h"

namespace server {
namespace {

using kafka::ErrorCode;

class KafkaAdminTest : public KafkaTest {
 public:
  kafka::CreateTopicsResponse::CreatableTopicResult create(
      const kafka::CreateTopicsRequest::CreatableTopic& topic, bool validate_only = false) {
    kafka::CreateTopicsRequest request;
    request.topics.push_back(topic);
    request.validate_only = validate_only;
    KafkaClient client(port());
    return client.ask<kafka::CreateTopicsResponse>(request, 5).topics.at(0);
  }

  std::map<std::string, kafka::DescribeConfigsResponse::DescribeConfigsResourceResult> settings(
      const std::string& topic) {
    kafka::DescribeConfigsRequest request;
    request.resources.push_back(
        {.resource_type = 2, .resource_name = topic, .configuration_keys = std::nullopt});
    request.include_synonyms = true;
    KafkaClient client(port());
    const auto answer = client.ask<kafka::DescribeConfigsResponse>(request, 4);
    EXPECT_EQ(answer.results[0].error_code, ErrorCode::kNone);
    std::map<std::string, kafka::DescribeConfigsResponse::DescribeConfigsResourceResult> all;
    for (const auto& setting : answer.results[0].configs) all[setting.name] = setting;
    return all;
  }
};

TEST_F(KafkaAdminTest, MetadataNamesTheBrokerByItsAddressAndTopicsInEveryVersion) {
  start();
  make_topic("t", 3);
  make_topic("__hidden");
  KafkaClient client(port());
  for (std::int16_t version = 0; version <= 9; ++version) {
    kafka::MetadataRequest request;
    if (version > 0) request.topics.reset();
    const auto answer = client.ask<kafka::MetadataResponse>(request, version);
    ASSERT_EQ(answer.brokers.size(), 1U);
    EXPECT_EQ(answer.brokers[0].host, "127.0.0.1");
    EXPECT_EQ(answer.brokers[0].port, port());
    ASSERT_EQ(answer.topics.size(), 2U) << "version " << version;
    for (const auto& topic : answer.topics) {
      if (version > 0) EXPECT_EQ(topic.is_internal, topic.name == "__hidden");
      if (topic.name == "t") EXPECT_EQ(topic.partitions.size(), 3U);
    }
  }
  kafka::MetadataRequest none;
  EXPECT_TRUE(client.ask<kafka::MetadataResponse>(none, 4).topics.empty());
}

TEST_F(KafkaAdminTest, MetadataMakesTopicsWhereThatIsWanted) {
  start({.default_partitions = 6});
  KafkaClient client(port());
  kafka::MetadataRequest request;
  request.topics->push_back({.name = "made"});
  request.allow_auto_topic_creation = false;
  const auto without = client.ask<kafka::MetadataResponse>(request, 9);
  EXPECT_EQ(without.topics[0].error_code, ErrorCode::kUnknownTopicOrPartition);
  request.allow_auto_topic_creation = true;
  const auto with = client.ask<kafka::MetadataResponse>(request, 9);
  EXPECT_EQ(with.topics[0].error_code, ErrorCode::kNone);
  EXPECT_EQ(with.topics[0].partitions.size(), 6U);
  request.topics->front().name = "no such/name";
  const auto bad = client.ask<kafka::MetadataResponse>(request, 9);
  EXPECT_EQ(bad.topics[0].error_code, ErrorCode::kInvalidTopicException);
}

TEST_F(KafkaAdminTest, MetadataMakesNoTopicWhereTheBrokerMayNot) {
  start({.auto_create_topics = false});
  KafkaClient client(port());
  kafka::MetadataRequest request;
  request.topics->push_back({.name = "made"});
  const auto answer = client.ask<kafka::MetadataResponse>(request, 9);
  EXPECT_EQ(answer.topics[0].error_code, ErrorCode::kUnknownTopicOrPartition);
}

TEST_F(KafkaAdminTest, TopicsAreMadeWithTheirSettings) {
  start();
  const auto made = create({.name = "t",
                            .num_partitions = 3,
                            .replication_factor = 1,
                            .configs = {{"retention.ms", "60000"},
                                        {"cleanup.policy", "compact,delete"},
                                        {"max.message.bytes", "2000"},
                                        {"waybill.durability", "os"}}});
  EXPECT_EQ(made.error_code, ErrorCode::kNone) << made.error_message.value_or("");
  EXPECT_EQ(made.num_partitions, 3);
  const auto info = log().topic("t");
  ASSERT_TRUE(info);
  EXPECT_EQ(info->config.retention_us, 60 * base::kUsPerSecond);
  EXPECT_EQ(info->config.cleanup, eventlog::Cleanup::kCompactAndDelete);
  EXPECT_EQ(info->config.batch_bytes_max, 2000);
  EXPECT_EQ(info->config.durability, eventlog::Durability::kOs);
  EXPECT_EQ(create({.name = "t", .num_partitions = 1, .replication_factor = 1}).error_code,
            ErrorCode::kTopicAlreadyExists);
}

struct BadTopic {
  std::string name;
  kafka::CreateTopicsRequest::CreatableTopic topic;
  ErrorCode error;
};
class KafkaBadTopicTest : public KafkaAdminTest, public testing::WithParamInterface<BadTopic> {};

TEST_P(KafkaBadTopicTest, IsRefusedWithAReasonAndNotMade) {
  start();
  const auto made = create(GetParam().topic);
  EXPECT_EQ(made.error_code, GetParam().error);
  EXPECT_FALSE(made.error_message.value_or("").empty());
  EXPECT_TRUE(log().topics().empty());
}

INSTANTIATE_TEST_SUITE_P(
    Kafka, KafkaBadTopicTest,
    testing::Values(
        BadTopic{"NoPartitions",
                 {.name = "t", .num_partitions = 0, .replication_factor = 1},
                 ErrorCode::kInvalidPartitions},
        BadTopic{"TooManyPartitions",
                 {.name = "t", .num_partitions = 1'000'000, .replication_factor = 1},
                 ErrorCode::kInvalidPartitions},
        BadTopic{"ThreeReplicas",
                 {.name = "t", .num_partitions = 1, .replication_factor = 3},
                 ErrorCode::kInvalidReplicationFactor},
        BadTopic{"ABadName",
                 {.name = "a/b", .num_partitions = 1, .replication_factor = 1},
                 ErrorCode::kInvalidTopicException},
        BadTopic{
            "AnUnknownSetting",
            {.name = "t", .num_partitions = 1, .replication_factor = 1, .configs = {{"x", "1"}}},
            ErrorCode::kInvalidConfig},
        BadTopic{"ABadValue",
                 {.name = "t",
                  .num_partitions = 1,
                  .replication_factor = 1,
                  .configs = {{"retention.ms", "a week"}}},
                 ErrorCode::kInvalidConfig},
        BadTopic{"MoreReplicasInSyncThanThereAre",
                 {.name = "t",
                  .num_partitions = 1,
                  .replication_factor = 1,
                  .configs = {{"min.insync.replicas", "2"}}},
                 ErrorCode::kInvalidConfig},
        BadTopic{"AnotherNode",
                 {.name = "t",
                  .num_partitions = -1,
                  .replication_factor = -1,
                  .assignments = {{.partition_index = 0, .broker_ids = {2}}}},
                 ErrorCode::kInvalidReplicaAssignment},
        BadTopic{"AGapInTheAssignments",
                 {.name = "t",
                  .num_partitions = -1,
                  .replication_factor = -1,
                  .assignments = {{.partition_index = 1, .broker_ids = {1}}}},
                 ErrorCode::kInvalidReplicaAssignment}),
    [](const auto& test) { return test.param.name; });

TEST_F(KafkaAdminTest, ValidateOnlyMakesNothing) {
  start();
  const auto made =
      create({.name = "t", .num_partitions = -1, .replication_factor = -1}, /*validate_only=*/true);
  EXPECT_EQ(made.error_code, ErrorCode::kNone);
  EXPECT_TRUE(log().topics().empty());
}

TEST_F(KafkaAdminTest, TopicsGrowAndGo) {
  start();
  make_topic("t", 2);
  KafkaClient client(port());
  kafka::CreatePartitionsRequest grow;
  grow.topics.push_back({.name = "t", .count = 5, .assignments = std::nullopt});
  EXPECT_EQ(client.ask<kafka::CreatePartitionsResponse>(grow, 3).results.at(0).error_code,
            ErrorCode::kNone);
  EXPECT_EQ(log().topic("t")->config.partitions, 5);
  grow.topics[0].count = 4;
  EXPECT_EQ(client.ask<kafka::CreatePartitionsResponse>(grow, 3).results.at(0).error_code,
            ErrorCode::kInvalidPartitions);
  kafka::DeleteTopicsRequest remove;
  remove.topic_names = {"t", "nowhere"};
  const auto removed = client.ask<kafka::DeleteTopicsResponse>(remove, 5);
  EXPECT_EQ(removed.responses.at(0).error_code, ErrorCode::kNone);
  EXPECT_EQ(removed.responses.at(1).error_code, ErrorCode::kUnknownTopicOrPartition);
  EXPECT_TRUE(log().topics().empty());
}

TEST_F(KafkaAdminTest, WhatTheProjectLivesOnCannotBeDeletedGrownOrCut) {
  start({.kept_topics = {"scans"}});
  make_topic("scans");
  KafkaClient client(port());
  kafka::DeleteTopicsRequest remove;
  remove.topic_names = {"scans"};
  EXPECT_EQ(client.ask<kafka::DeleteTopicsResponse>(remove, 5).responses.at(0).error_code,
            ErrorCode::kPolicyViolation);
  kafka::CreatePartitionsRequest grow;
  grow.topics.push_back({.name = "scans", .count = 5, .assignments = std::nullopt});
  EXPECT_EQ(client.ask<kafka::CreatePartitionsResponse>(grow, 3).results.at(0).error_code,
            ErrorCode::kPolicyViolation);
  kafka::DeleteRecordsRequest cut;
  cut.topics.push_back({.name = "scans", .partitions = {{.partition_index = 0, .offset = 0}}});
  EXPECT_EQ(client.ask<kafka::DeleteRecordsResponse>(cut, 2).topics.at(0).partitions[0].error_code,
            ErrorCode::kPolicyViolation);
}

TEST_F(KafkaAdminTest, SettingsAreShownWithTheirDefaultsAndChanged) {
  start();
  create({.name = "t",
          .num_partitions = 1,
          .replication_factor = 1,
          .configs = {{"retention.ms", "60000"}}});
  auto shown = settings("t");
  EXPECT_EQ(shown["retention.ms"].value, "60000");
  EXPECT_EQ(shown["retention.ms"].config_source, 1);
  EXPECT_EQ(shown["retention.ms"].synonyms.size(), 2U);
  EXPECT_EQ(shown["max.message.bytes"].value, "1048588");
  EXPECT_EQ(shown["max.message.bytes"].config_source, 5);
  EXPECT_EQ(shown["waybill.durability"].value, "disk");
  EXPECT_GE(shown.size(), 25U);

  KafkaClient client(port());
  kafka::IncrementalAlterConfigsRequest change;
  auto& resource = change.resources.emplace_back();
  resource.resource_type = 2;
  resource.resource_name = "t";
  resource.configs = {{.name = "cleanup.policy", .config_operation = 2, .value = "compact"},
                      {.name = "segment.ms", .config_operation = 0, .value = "5000"}};
  const auto changed = client.ask<kafka::IncrementalAlterConfigsResponse>(change, 1);
  EXPECT_EQ(changed.responses.at(0).error_code, ErrorCode::kNone)
      << changed.responses[0].error_message.value_or("");
  shown = settings("t");
  EXPECT_EQ(shown["cleanup.policy"].value, "compact,delete");
  EXPECT_EQ(shown["segment.ms"].value, "5000");
  EXPECT_EQ(shown["retention.ms"].value, "60000") << "what is not named stays";

  resource.configs = {{.name = "cleanup.policy", .config_operation = 3, .value = "delete"},
                      {.name = "retention.ms", .config_operation = 1, .value = std::nullopt}};
  client.ask<kafka::IncrementalAlterConfigsResponse>(change, 1);
  shown = settings("t");
  EXPECT_EQ(shown["cleanup.policy"].value, "compact");
  EXPECT_EQ(shown["retention.ms"].config_source, 5) << "deleted: as by default";

  kafka::AlterConfigsRequest whole;
  auto& all = whole.resources.emplace_back();
  all.resource_type = 2;
  all.resource_name = "t";
  all.configs = {{.name = "retention.bytes", .value = "4096"}};
  EXPECT_EQ(client.ask<kafka::AlterConfigsResponse>(whole, 2).responses.at(0).error_code,
            ErrorCode::kNone);
  shown = settings("t");
  EXPECT_EQ(shown["retention.bytes"].value, "4096");
  EXPECT_EQ(shown["cleanup.policy"].value, "delete") << "what is not named goes back";
}

TEST_F(KafkaAdminTest, OffsetsAreListedByPlaceAndByTime) {
  start();
  make_topic("t");
  for (const std::int64_t time_ms : {1'000, 3'000, 2'000})
    ASSERT_TRUE(log().append_and_wait({"t", 0}, batch_of({"a", "b"}, time_ms)));
  KafkaClient client(port());
  const auto listed = [&client](std::int64_t timestamp) {
    kafka::ListOffsetsRequest request;
    request.replica_id = -1;
    request.topics.push_back({.name = "t", .partitions = {{.timestamp = timestamp}}});
    const auto answer = client.ask<kafka::ListOffsetsResponse>(request, 7);
    EXPECT_EQ(answer.topics.at(0).partitions.at(0).error_code, ErrorCode::kNone);
    return std::pair(answer.topics[0].partitions[0].offset,
                     answer.topics[0].partitions[0].timestamp);
  };
  using Pair = std::pair<std::int64_t, std::int64_t>;
  EXPECT_EQ(listed(-2), (Pair{0, -1}));
  EXPECT_EQ(listed(-1), (Pair{6, -1}));
  EXPECT_EQ(listed(-3).second, 3'000);
  EXPECT_EQ(listed(500), (Pair{0, 1'000}));
  EXPECT_EQ(listed(1'500), (Pair{2, 3'000}));
  EXPECT_EQ(listed(9'000), (Pair{-1, -1}));
}

TEST_F(KafkaAdminTest, RecordsAreDeletedUpToAnOffset) {
  start();
  make_topic("t");
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(log().append_and_wait({"t", 0}, batch_of({"x"})));
  KafkaClient client(port());
  kafka::DeleteRecordsRequest request;
  request.topics.push_back({.name = "t", .partitions = {{.partition_index = 0, .offset = 3}}});
  const auto answer = client.ask<kafka::DeleteRecordsResponse>(request, 2);
  EXPECT_EQ(answer.topics.at(0).partitions.at(0).error_code, ErrorCode::kNone);
  EXPECT_EQ(answer.topics[0].partitions[0].low_watermark, 3);
  EXPECT_EQ(client.ask<kafka::FetchResponse>(fetch_of("t", 2), 11)
                .responses.at(0)
                .partitions.at(0)
                .error_code,
            ErrorCode::kOffsetOutOfRange);
  request.topics[0].partitions[0].offset = 99;
  EXPECT_EQ(
      client.ask<kafka::DeleteRecordsResponse>(request, 2).topics.at(0).partitions[0].error_code,
      ErrorCode::kOffsetOutOfRange);
}

TEST_F(KafkaAdminTest, TheClusterKeepsItsIdAndTheEpochIsZero) {
  start();
  make_topic("t");
  KafkaClient client(port());
  const auto cluster =
      client.ask<kafka::DescribeClusterResponse>(kafka::DescribeClusterRequest{}, 1);
  EXPECT_EQ(cluster.cluster_id.size(), 22U);
  EXPECT_EQ(cluster.controller_id, 1);
  const auto kept = base::read_file(base::posix_file_system(), log().directory() / "cluster_id");
  ASSERT_TRUE(kept);
  EXPECT_EQ(*kept, cluster.cluster_id);
  kafka::OffsetForLeaderEpochRequest request;
  request.topics.push_back({.topic = "t", .partitions = {{.partition = 0, .leader_epoch = 0}}});
  const auto epoch = client.ask<kafka::OffsetForLeaderEpochResponse>(request, 4);
  EXPECT_EQ(epoch.topics.at(0).partitions.at(0).leader_epoch, 0);
  EXPECT_EQ(epoch.topics[0].partitions[0].end_offset, 0);
}

}  // namespace
}  // namespace server
