// Creating, growing and deleting topics.
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

struct CreateTopicsRequest {
  static constexpr CallShape kCall = {19, "CreateTopics", 0, 6, 5};

  struct CreatableReplicaAssignment {
    std::int32_t partition_index = 0;
    std::vector<std::int32_t> broker_ids = {};

    static void fields(auto& self, auto& field) {
      field(self.partition_index);
      field(self.broker_ids);
    }
  };

  struct CreatableTopicConfig {
    std::string name = {};
    std::optional<std::string> value = "";

    static void fields(auto& self, auto& field) {
      field(self.name);
      field(self.value);
    }
  };

  struct CreatableTopic {
    std::string name = {};
    std::int32_t num_partitions = 0;
    std::int16_t replication_factor = 0;
    std::vector<CreatableReplicaAssignment> assignments = {};
    std::vector<CreatableTopicConfig> configs = {};

    static void fields(auto& self, auto& field) {
      field(self.name);
      field(self.num_partitions);
      field(self.replication_factor);
      field(self.assignments);
      field(self.configs);
    }
  };

  std::vector<CreatableTopic> topics = {};
  std::int32_t timeout_ms = 60000;
  bool validate_only = false;

  static void fields(auto& self, auto& field) {
    field(self.topics);
    field(self.timeout_ms);
    field(self.validate_only, since(1));
  }
};

struct CreateTopicsResponse {
  static constexpr CallShape kCall = CreateTopicsRequest::kCall;

  struct CreatableTopicConfigs {
    std::string name = {};
    std::optional<std::string> value = "";
    bool read_only = false;
    std::int8_t config_source = -1;
    bool is_sensitive = false;

    static void fields(auto& self, auto& field) {
      field(self.name);
      field(self.value);
      field(self.read_only);
      field(self.config_source);
      field(self.is_sensitive);
    }
  };

  struct CreatableTopicResult {
    std::string name = {};
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string> error_message = "";
    ErrorCode topic_config_error_code = ErrorCode::kNone;
    std::int32_t num_partitions = -1;
    std::int16_t replication_factor = -1;
    std::optional<std::vector<CreatableTopicConfigs>> configs =
        std::vector<CreatableTopicConfigs>{};

    static void fields(auto& self, auto& field) {
      field(self.name);
      field(self.error_code);
      field(self.error_message, since(1));
      field(self.topic_config_error_code, since(5).tagged(0));
      field(self.num_partitions, since(5));
      field(self.replication_factor, since(5));
      field(self.configs, since(5));
    }
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<CreatableTopicResult> topics = {};

  static void fields(auto& self, auto& field) {
    field(self.throttle_time_ms, since(2));
    field(self.topics);
  }
};

struct DeleteTopicsRequest {
  static constexpr CallShape kCall = {20, "DeleteTopics", 0, 5, 4};

  std::vector<std::string> topic_names = {};
  std::int32_t timeout_ms = 0;

  static void fields(auto& self, auto& field) {
    field(self.topic_names);
    field(self.timeout_ms);
  }
};

struct DeleteTopicsResponse {
  static constexpr CallShape kCall = DeleteTopicsRequest::kCall;

  struct DeletableTopicResult {
    std::optional<std::string> name = "";
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string> error_message = {};

    static void fields(auto& self, auto& field) {
      field(self.name, always().nullable_since(6));
      field(self.error_code);
      field(self.error_message, since(5));
    }
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<DeletableTopicResult> responses = {};

  static void fields(auto& self, auto& field) {
    field(self.throttle_time_ms, since(1));
    field(self.responses);
  }
};

struct CreatePartitionsRequest {
  static constexpr CallShape kCall = {37, "CreatePartitions", 0, 3, 2};

  struct CreatePartitionsAssignment {
    std::vector<std::int32_t> broker_ids = {};

    static void fields(auto& self, auto& field) { field(self.broker_ids); }
  };

  struct CreatePartitionsTopic {
    std::string name = {};
    std::int32_t count = 0;
    std::optional<std::vector<CreatePartitionsAssignment>> assignments =
        std::vector<CreatePartitionsAssignment>{};

    static void fields(auto& self, auto& field) {
      field(self.name);
      field(self.count);
      field(self.assignments);
    }
  };

  std::vector<CreatePartitionsTopic> topics = {};
  std::int32_t timeout_ms = 0;
  bool validate_only = false;

  static void fields(auto& self, auto& field) {
    field(self.topics);
    field(self.timeout_ms);
    field(self.validate_only);
  }
};

struct CreatePartitionsResponse {
  static constexpr CallShape kCall = CreatePartitionsRequest::kCall;

  struct CreatePartitionsTopicResult {
    std::string name = {};
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string> error_message = {};

    static void fields(auto& self, auto& field) {
      field(self.name);
      field(self.error_code);
      field(self.error_message);
    }
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<CreatePartitionsTopicResult> results = {};

  static void fields(auto& self, auto& field) {
    field(self.throttle_time_ms);
    field(self.results);
  }
};

}  // namespace protocol::kafka
