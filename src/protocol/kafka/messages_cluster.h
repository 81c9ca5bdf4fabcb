// What a client asks before anything else: which calls there are, which brokers and topics.
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

struct ApiVersionsRequest {
  static constexpr CallShape kCall = {18, "ApiVersions", 0, 4, 3};

  std::string client_software_name = {};
  std::string client_software_version = {};

  static void fields(auto& self, auto& field) {
    field(self.client_software_name, since(3));
    field(self.client_software_version, since(3));
  }
};

struct ApiVersionsResponse {
  static constexpr CallShape kCall = ApiVersionsRequest::kCall;

  struct ApiVersion {
    std::int16_t api_key = 0;
    std::int16_t min_version = 0;
    std::int16_t max_version = 0;

    static void fields(auto& self, auto& field) {
      field(self.api_key);
      field(self.min_version);
      field(self.max_version);
    }
  };

  struct SupportedFeatureKey {
    std::string name = {};
    std::int16_t min_version = 0;
    std::int16_t max_version = 0;

    static void fields(auto& self, auto& field) {
      field(self.name);
      field(self.min_version);
      field(self.max_version);
    }
  };

  struct FinalizedFeatureKey {
    std::string name = {};
    std::int16_t max_version_level = 0;
    std::int16_t min_version_level = 0;

    static void fields(auto& self, auto& field) {
      field(self.name);
      field(self.max_version_level);
      field(self.min_version_level);
    }
  };

  ErrorCode error_code = ErrorCode::kNone;
  std::vector<ApiVersion> api_keys = {};
  std::int32_t throttle_time_ms = 0;
  std::vector<SupportedFeatureKey> supported_features = {};
  std::int64_t finalized_features_epoch = -1;
  std::vector<FinalizedFeatureKey> finalized_features = {};
  bool zk_migration_ready = false;

  static void fields(auto& self, auto& field) {
    field(self.error_code);
    field(self.api_keys);
    field(self.throttle_time_ms, since(1));
    field(self.supported_features, since(3).tagged(0));
    field(self.finalized_features_epoch, since(3).tagged(1, -1));
    field(self.finalized_features, since(3).tagged(2));
    field(self.zk_migration_ready, since(3).tagged(3));
  }
};

struct MetadataRequest {
  static constexpr CallShape kCall = {3, "Metadata", 0, 9, 9};

  struct MetadataRequestTopic {
    std::optional<std::string> name = "";

    static void fields(auto& self, auto& field) { field(self.name, always().nullable_since(10)); }
  };

  std::optional<std::vector<MetadataRequestTopic>> topics = std::vector<MetadataRequestTopic>{};
  bool allow_auto_topic_creation = true;
  bool include_cluster_authorized_operations = false;
  bool include_topic_authorized_operations = false;

  static void fields(auto& self, auto& field) {
    field(self.topics, always().nullable_since(1));
    field(self.allow_auto_topic_creation, since(4));
    field(self.include_cluster_authorized_operations, since(8));
    field(self.include_topic_authorized_operations, since(8));
  }
};

struct MetadataResponse {
  static constexpr CallShape kCall = MetadataRequest::kCall;

  struct MetadataResponseBroker {
    std::int32_t node_id = 0;
    std::string host = {};
    std::int32_t port = 0;
    std::optional<std::string> rack = {};

    static void fields(auto& self, auto& field) {
      field(self.node_id);
      field(self.host);
      field(self.port);
      field(self.rack, since(1));
    }
  };

  struct MetadataResponsePartition {
    ErrorCode error_code = ErrorCode::kNone;
    std::int32_t partition_index = 0;
    std::int32_t leader_id = 0;
    std::int32_t leader_epoch = -1;
    std::vector<std::int32_t> replica_nodes = {};
    std::vector<std::int32_t> isr_nodes = {};
    std::vector<std::int32_t> offline_replicas = {};

    static void fields(auto& self, auto& field) {
      field(self.error_code);
      field(self.partition_index);
      field(self.leader_id);
      field(self.leader_epoch, since(7));
      field(self.replica_nodes);
      field(self.isr_nodes);
      field(self.offline_replicas, since(5));
    }
  };

  struct MetadataResponseTopic {
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string> name = "";
    bool is_internal = false;
    std::vector<MetadataResponsePartition> partitions = {};
    std::int32_t topic_authorized_operations = INT32_MIN;

    static void fields(auto& self, auto& field) {
      field(self.error_code);
      field(self.name, always().nullable_since(12));
      field(self.is_internal, since(1));
      field(self.partitions);
      field(self.topic_authorized_operations, since(8));
    }
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<MetadataResponseBroker> brokers = {};
  std::optional<std::string> cluster_id = {};
  std::int32_t controller_id = -1;
  std::vector<MetadataResponseTopic> topics = {};
  std::int32_t cluster_authorized_operations = INT32_MIN;

  static void fields(auto& self, auto& field) {
    field(self.throttle_time_ms, since(3));
    field(self.brokers);
    field(self.cluster_id, since(2));
    field(self.controller_id, since(1));
    field(self.topics);
    field(self.cluster_authorized_operations, since(8));
  }
};

struct DescribeClusterRequest {
  static constexpr CallShape kCall = {60, "DescribeCluster", 0, 1, 0};

  bool include_cluster_authorized_operations = false;
  std::int8_t endpoint_type = 1;

  static void fields(auto& self, auto& field) {
    field(self.include_cluster_authorized_operations);
    field(self.endpoint_type, since(1));
  }
};

struct DescribeClusterResponse {
  static constexpr CallShape kCall = DescribeClusterRequest::kCall;

  struct DescribeClusterBroker {
    std::int32_t broker_id = 0;
    std::string host = {};
    std::int32_t port = 0;
    std::optional<std::string> rack = {};

    static void fields(auto& self, auto& field) {
      field(self.broker_id);
      field(self.host);
      field(self.port);
      field(self.rack);
    }
  };

  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  std::optional<std::string> error_message = {};
  std::int8_t endpoint_type = 1;
  std::string cluster_id = {};
  std::int32_t controller_id = -1;
  std::vector<DescribeClusterBroker> brokers = {};
  std::int32_t cluster_authorized_operations = INT32_MIN;

  static void fields(auto& self, auto& field) {
    field(self.throttle_time_ms);
    field(self.error_code);
    field(self.error_message);
    field(self.endpoint_type, since(1));
    field(self.cluster_id);
    field(self.controller_id);
    field(self.brokers);
    field(self.cluster_authorized_operations);
  }
};

struct SaslHandshakeRequest {
  static constexpr CallShape kCall = {17, "SaslHandshake", 0, 1, kNeverFlexible};

  std::string mechanism = {};

  static void fields(auto& self, auto& field) { field(self.mechanism); }
};

struct SaslHandshakeResponse {
  static constexpr CallShape kCall = SaslHandshakeRequest::kCall;

  ErrorCode error_code = ErrorCode::kNone;
  std::vector<std::string> mechanisms = {};

  static void fields(auto& self, auto& field) {
    field(self.error_code);
    field(self.mechanisms);
  }
};

}  // namespace protocol::kafka
