// Records: writing and reading.
// Source: the Apache Kafka protocol guide. Names, order, versions and defaults are the protocol's.
//
// Threads: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/kafka/shape.h"

namespace protocol::kafka {

struct ProduceRequest {
  static constexpr CallShape kCall = {0, "Produce", 0, 11, 9};

  struct PartitionProduceData {
    std::int32_t index = 0;
    std::optional<Records> records = Records{};

    static void fields(auto& self, auto& field) {
      field(self.index);
      field(self.records);
    }
  };

  struct TopicProduceData {
    std::string name = {};
    std::vector<PartitionProduceData> partition_data = {};

    static void fields(auto& self, auto& field) {
      field(self.name);
      field(self.partition_data);
    }
  };

  std::optional<std::string> transactional_id = {};
  std::int16_t acks = 0;
  std::int32_t timeout_ms = 0;
  std::vector<TopicProduceData> topic_data = {};

  static void fields(auto& self, auto& field) {
    field(self.transactional_id, since(3));
    field(self.acks);
    field(self.timeout_ms);
    field(self.topic_data);
  }
};

struct ProduceResponse {
  static constexpr CallShape kCall = ProduceRequest::kCall;

  struct BatchIndexAndErrorMessage {
    std::int32_t batch_index = 0;
    std::optional<std::string> batch_index_error_message = {};

    static void fields(auto& self, auto& field) {
      field(self.batch_index);
      field(self.batch_index_error_message);
    }
  };

  struct LeaderIdAndEpoch {
    std::int32_t leader_id = -1;
    std::int32_t leader_epoch = -1;
    bool operator==(const LeaderIdAndEpoch&) const = default;

    static void fields(auto& self, auto& field) {
      field(self.leader_id);
      field(self.leader_epoch);
    }
  };

  struct PartitionProduceResponse {
    std::int32_t index = 0;
    ErrorCode error_code = ErrorCode::kNone;
    std::int64_t base_offset = 0;
    std::int64_t log_append_time_ms = -1;
    std::int64_t log_start_offset = -1;
    std::vector<BatchIndexAndErrorMessage> record_errors = {};
    std::optional<std::string> error_message = {};
    LeaderIdAndEpoch current_leader = {};

    static void fields(auto& self, auto& field) {
      field(self.index);
      field(self.error_code);
      field(self.base_offset);
      field(self.log_append_time_ms, since(2));
      field(self.log_start_offset, since(5));
      field(self.record_errors, since(8));
      field(self.error_message, since(8));
      field(self.current_leader, since(10).tagged(0));
    }
  };

  struct TopicProduceResponse {
    std::string name = {};
    std::vector<PartitionProduceResponse> partition_responses = {};

    static void fields(auto& self, auto& field) {
      field(self.name);
      field(self.partition_responses);
    }
  };

  struct NodeEndpoint {
    std::int32_t node_id = 0;
    std::string host = {};
    std::int32_t port = 0;
    std::optional<std::string> rack = {};

    static void fields(auto& self, auto& field) {
      field(self.node_id);
      field(self.host);
      field(self.port);
      field(self.rack);
    }
  };

  std::vector<TopicProduceResponse> responses = {};
  std::int32_t throttle_time_ms = 0;
  std::vector<NodeEndpoint> node_endpoints = {};

  static void fields(auto& self, auto& field) {
    field(self.responses);
    field(self.throttle_time_ms, since(1));
    field(self.node_endpoints, since(10).tagged(0));
  }
};

struct FetchRequest {
  static constexpr CallShape kCall = {1, "Fetch", 0, 12, 12};

  struct FetchPartition {
    std::int32_t partition = 0;
    std::int32_t current_leader_epoch = -1;
    std::int64_t fetch_offset = 0;
    std::int32_t last_fetched_epoch = -1;
    std::int64_t log_start_offset = -1;
    std::int32_t partition_max_bytes = 0;

    static void fields(auto& self, auto& field) {
      field(self.partition);
      field(self.current_leader_epoch, since(9));
      field(self.fetch_offset);
      field(self.last_fetched_epoch, since(12));
      field(self.log_start_offset, since(5));
      field(self.partition_max_bytes);
    }
  };

  struct FetchTopic {
    std::string topic = {};
    std::vector<FetchPartition> partitions = {};

    static void fields(auto& self, auto& field) {
      field(self.topic);
      field(self.partitions);
    }
  };

  struct ForgottenTopic {
    std::string topic = {};
    std::vector<std::int32_t> partitions = {};

    static void fields(auto& self, auto& field) {
      field(self.topic);
      field(self.partitions);
    }
  };

  std::optional<std::string> cluster_id = {};
  std::int32_t replica_id = -1;
  std::int32_t max_wait_ms = 0;
  std::int32_t min_bytes = 0;
  std::int32_t max_bytes = INT32_MAX;
  std::int8_t isolation_level = 0;
  std::int32_t session_id = 0;
  std::int32_t session_epoch = -1;
  std::vector<FetchTopic> topics = {};
  std::vector<ForgottenTopic> forgotten_topics_data = {};
  std::string rack_id = {};

  static void fields(auto& self, auto& field) {
    field(self.cluster_id, since(12).tagged(0));
    field(self.replica_id);
    field(self.max_wait_ms);
    field(self.min_bytes);
    field(self.max_bytes, since(3));
    field(self.isolation_level, since(4));
    field(self.session_id, since(7));
    field(self.session_epoch, since(7));
    field(self.topics);
    field(self.forgotten_topics_data, since(7));
    field(self.rack_id, since(11));
  }
};

struct FetchResponse {
  static constexpr CallShape kCall = FetchRequest::kCall;

  struct EpochEndOffset {
    std::int32_t epoch = -1;
    std::int64_t end_offset = -1;
    bool operator==(const EpochEndOffset&) const = default;

    static void fields(auto& self, auto& field) {
      field(self.epoch);
      field(self.end_offset);
    }
  };

  struct LeaderIdAndEpoch {
    std::int32_t leader_id = -1;
    std::int32_t leader_epoch = -1;
    bool operator==(const LeaderIdAndEpoch&) const = default;

    static void fields(auto& self, auto& field) {
      field(self.leader_id);
      field(self.leader_epoch);
    }
  };

  struct SnapshotId {
    std::int64_t end_offset = -1;
    std::int32_t epoch = -1;
    bool operator==(const SnapshotId&) const = default;

    static void fields(auto& self, auto& field) {
      field(self.end_offset);
      field(self.epoch);
    }
  };

  struct AbortedTransaction {
    std::int64_t producer_id = 0;
    std::int64_t first_offset = 0;

    static void fields(auto& self, auto& field) {
      field(self.producer_id);
      field(self.first_offset);
    }
  };

  struct PartitionData {
    std::int32_t partition_index = 0;
    ErrorCode error_code = ErrorCode::kNone;
    std::int64_t high_watermark = 0;
    std::int64_t last_stable_offset = -1;
    std::int64_t log_start_offset = -1;
    EpochEndOffset diverging_epoch = {};
    LeaderIdAndEpoch current_leader = {};
    SnapshotId snapshot_id = {};
    std::optional<std::vector<AbortedTransaction>> aborted_transactions =
        std::vector<AbortedTransaction>{};
    std::int32_t preferred_read_replica = -1;
    std::optional<Records> records = Records{};

    static void fields(auto& self, auto& field) {
      field(self.partition_index);
      field(self.error_code);
      field(self.high_watermark);
      field(self.last_stable_offset, since(4));
      field(self.log_start_offset, since(5));
      field(self.diverging_epoch, since(12).tagged(0));
      field(self.current_leader, since(12).tagged(1));
      field(self.snapshot_id, since(12).tagged(2));
      field(self.aborted_transactions, since(4));
      field(self.preferred_read_replica, since(11));
      field(self.records);
    }
  };

  struct FetchableTopicResponse {
    std::string topic = {};
    std::vector<PartitionData> partitions = {};

    static void fields(auto& self, auto& field) {
      field(self.topic);
      field(self.partitions);
    }
  };

  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  std::int32_t session_id = 0;
  std::vector<FetchableTopicResponse> responses = {};

  static void fields(auto& self, auto& field) {
    field(self.throttle_time_ms, since(1));
    field(self.error_code, since(7));
    field(self.session_id, since(7));
    field(self.responses);
  }
};

}  // namespace protocol::kafka
