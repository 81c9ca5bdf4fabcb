// What consumer groups have committed.
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

struct OffsetCommitRequest {
  static constexpr CallShape kCall = {8, "OffsetCommit", 0, 9, 8};

  struct OffsetCommitRequestPartition {
    std::int32_t partition_index = 0;
    std::int64_t committed_offset = 0;
    std::int32_t committed_leader_epoch = -1;
    std::int64_t commit_timestamp = -1;
    std::optional<std::string> committed_metadata = "";

    static void fields(auto& self, auto& field) {
      field(self.partition_index);
      field(self.committed_offset);
      field(self.committed_leader_epoch, since(6));
      field(self.commit_timestamp, versions(1, 1));
      field(self.committed_metadata);
    }
  };

  struct OffsetCommitRequestTopic {
    std::string name = {};
    std::vector<OffsetCommitRequestPartition> partitions = {};

    static void fields(auto& self, auto& field) {
      field(self.name);
      field(self.partitions);
    }
  };

  std::string group_id = {};
  std::int32_t generation_id_or_member_epoch = -1;
  std::string member_id = {};
  std::optional<std::string> group_instance_id = {};
  std::int64_t retention_time_ms = -1;
  std::vector<OffsetCommitRequestTopic> topics = {};

  static void fields(auto& self, auto& field) {
    field(self.group_id);
    field(self.generation_id_or_member_epoch, since(1));
    field(self.member_id, since(1));
    field(self.group_instance_id, since(7));
    field(self.retention_time_ms, versions(2, 4));
    field(self.topics);
  }
};

struct OffsetCommitResponse {
  static constexpr CallShape kCall = OffsetCommitRequest::kCall;

  struct OffsetCommitResponsePartition {
    std::int32_t partition_index = 0;
    ErrorCode error_code = ErrorCode::kNone;

    static void fields(auto& self, auto& field) {
      field(self.partition_index);
      field(self.error_code);
    }
  };

  struct OffsetCommitResponseTopic {
    std::string name = {};
    std::vector<OffsetCommitResponsePartition> partitions = {};

    static void fields(auto& self, auto& field) {
      field(self.name);
      field(self.partitions);
    }
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<OffsetCommitResponseTopic> topics = {};

  static void fields(auto& self, auto& field) {
    field(self.throttle_time_ms, since(3));
    field(self.topics);
  }
};

struct OffsetFetchRequest {
  static constexpr CallShape kCall = {9, "OffsetFetch", 0, 9, 6};

  struct OffsetFetchRequestTopic {
    std::string name = {};
    std::vector<std::int32_t> partition_indexes = {};

    static void fields(auto& self, auto& field) {
      field(self.name, versions(0, 7));
      field(self.partition_indexes, versions(0, 7));
    }
  };

  struct OffsetFetchRequestTopics {
    std::string name = {};
    std::vector<std::int32_t> partition_indexes = {};

    static void fields(auto& self, auto& field) {
      field(self.name);
      field(self.partition_indexes);
    }
  };

  struct OffsetFetchRequestGroup {
    std::string group_id = {};
    std::optional<std::string> member_id = {};
    std::int32_t member_epoch = -1;
    std::optional<std::vector<OffsetFetchRequestTopics>> topics =
        std::vector<OffsetFetchRequestTopics>{};

    static void fields(auto& self, auto& field) {
      field(self.group_id);
      field(self.member_id, since(9));
      field(self.member_epoch, since(9));
      field(self.topics);
    }
  };

  std::string group_id = {};
  std::optional<std::vector<OffsetFetchRequestTopic>> topics =
      std::vector<OffsetFetchRequestTopic>{};
  std::vector<OffsetFetchRequestGroup> groups = {};
  bool require_stable = false;

  static void fields(auto& self, auto& field) {
    field(self.group_id, versions(0, 7));
    field(self.topics, versions(0, 7).nullable_since(2));
    field(self.groups, since(8));
    field(self.require_stable, since(7));
  }
};

struct OffsetFetchResponse {
  static constexpr CallShape kCall = OffsetFetchRequest::kCall;

  struct OffsetFetchResponsePartition {
    std::int32_t partition_index = 0;
    std::int64_t committed_offset = 0;
    std::int32_t committed_leader_epoch = -1;
    std::optional<std::string> metadata = "";
    ErrorCode error_code = ErrorCode::kNone;

    static void fields(auto& self, auto& field) {
      field(self.partition_index, versions(0, 7));
      field(self.committed_offset, versions(0, 7));
      field(self.committed_leader_epoch, versions(5, 7));
      field(self.metadata, versions(0, 7));
      field(self.error_code, versions(0, 7));
    }
  };

  struct OffsetFetchResponseTopic {
    std::string name = {};
    std::vector<OffsetFetchResponsePartition> partitions = {};

    static void fields(auto& self, auto& field) {
      field(self.name, versions(0, 7));
      field(self.partitions, versions(0, 7));
    }
  };

  struct OffsetFetchResponsePartitions {
    std::int32_t partition_index = 0;
    std::int64_t committed_offset = 0;
    std::int32_t committed_leader_epoch = -1;
    std::optional<std::string> metadata = "";
    ErrorCode error_code = ErrorCode::kNone;

    static void fields(auto& self, auto& field) {
      field(self.partition_index);
      field(self.committed_offset);
      field(self.committed_leader_epoch);
      field(self.metadata);
      field(self.error_code);
    }
  };

  struct OffsetFetchResponseTopics {
    std::string name = {};
    std::vector<OffsetFetchResponsePartitions> partitions = {};

    static void fields(auto& self, auto& field) {
      field(self.name);
      field(self.partitions);
    }
  };

  struct OffsetFetchResponseGroup {
    std::string group_id = {};
    std::vector<OffsetFetchResponseTopics> topics = {};
    ErrorCode error_code = ErrorCode::kNone;

    static void fields(auto& self, auto& field) {
      field(self.group_id);
      field(self.topics);
      field(self.error_code);
    }
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<OffsetFetchResponseTopic> topics = {};
  ErrorCode error_code = ErrorCode::kNone;
  std::vector<OffsetFetchResponseGroup> groups = {};

  static void fields(auto& self, auto& field) {
    field(self.throttle_time_ms, since(3));
    field(self.topics, versions(0, 7));
    field(self.error_code, versions(2, 7));
    field(self.groups, since(8));
  }
};

struct OffsetDeleteRequest {
  static constexpr CallShape kCall = {47, "OffsetDelete", 0, 0, kNeverFlexible};

  struct OffsetDeleteRequestPartition {
    std::int32_t partition_index = 0;

    static void fields(auto& self, auto& field) { field(self.partition_index); }
  };

  struct OffsetDeleteRequestTopic {
    std::string name = {};
    std::vector<OffsetDeleteRequestPartition> partitions = {};

    static void fields(auto& self, auto& field) {
      field(self.name);
      field(self.partitions);
    }
  };

  std::string group_id = {};
  std::vector<OffsetDeleteRequestTopic> topics = {};

  static void fields(auto& self, auto& field) {
    field(self.group_id);
    field(self.topics);
  }
};

struct OffsetDeleteResponse {
  static constexpr CallShape kCall = OffsetDeleteRequest::kCall;

  struct OffsetDeleteResponsePartition {
    std::int32_t partition_index = 0;
    ErrorCode error_code = ErrorCode::kNone;

    static void fields(auto& self, auto& field) {
      field(self.partition_index);
      field(self.error_code);
    }
  };

  struct OffsetDeleteResponseTopic {
    std::string name = {};
    std::vector<OffsetDeleteResponsePartition> partitions = {};

    static void fields(auto& self, auto& field) {
      field(self.name);
      field(self.partitions);
    }
  };

  ErrorCode error_code = ErrorCode::kNone;
  std::int32_t throttle_time_ms = 0;
  std::vector<OffsetDeleteResponseTopic> topics = {};

  static void fields(auto& self, auto& field) {
    field(self.error_code);
    field(self.throttle_time_ms);
    field(self.topics);
  }
};

}  // namespace protocol::kafka
