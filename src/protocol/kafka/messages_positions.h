// Places in a partition: offsets by time, ends of epochs, deletion up to an offset.
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

struct ListOffsetsRequest {
  static constexpr CallShape kCall = {2, "ListOffsets", 0, 10, 6};

  struct ListOffsetsPartition {
    std::int32_t partition_index = 0;
    std::int32_t current_leader_epoch = -1;
    std::int64_t timestamp = 0;
    std::int32_t max_num_offsets = 1;

    static void fields(auto& self, auto& field) {
      field(self.partition_index);
      field(self.current_leader_epoch, since(4));
      field(self.timestamp);
      field(self.max_num_offsets, versions(0, 0));
    }
  };

  struct ListOffsetsTopic {
    std::string name = {};
    std::vector<ListOffsetsPartition> partitions = {};

    static void fields(auto& self, auto& field) {
      field(self.name);
      field(self.partitions);
    }
  };

  std::int32_t replica_id = 0;
  std::int8_t isolation_level = 0;
  std::vector<ListOffsetsTopic> topics = {};
  std::int32_t timeout_ms = 0;

  static void fields(auto& self, auto& field) {
    field(self.replica_id);
    field(self.isolation_level, since(2));
    field(self.topics);
    field(self.timeout_ms, since(10));
  }
};

struct ListOffsetsResponse {
  static constexpr CallShape kCall = ListOffsetsRequest::kCall;

  struct ListOffsetsPartitionResponse {
    std::int32_t partition_index = 0;
    ErrorCode error_code = ErrorCode::kNone;
    std::vector<std::int64_t> old_style_offsets = {};
    std::int64_t timestamp = -1;
    std::int64_t offset = -1;
    std::int32_t leader_epoch = -1;

    static void fields(auto& self, auto& field) {
      field(self.partition_index);
      field(self.error_code);
      field(self.old_style_offsets, versions(0, 0));
      field(self.timestamp, since(1));
      field(self.offset, since(1));
      field(self.leader_epoch, since(4));
    }
  };

  struct ListOffsetsTopicResponse {
    std::string name = {};
    std::vector<ListOffsetsPartitionResponse> partitions = {};

    static void fields(auto& self, auto& field) {
      field(self.name);
      field(self.partitions);
    }
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<ListOffsetsTopicResponse> topics = {};

  static void fields(auto& self, auto& field) {
    field(self.throttle_time_ms, since(2));
    field(self.topics);
  }
};

struct OffsetForLeaderEpochRequest {
  static constexpr CallShape kCall = {23, "OffsetForLeaderEpoch", 0, 4, 4};

  struct OffsetForLeaderPartition {
    std::int32_t partition = 0;
    std::int32_t current_leader_epoch = -1;
    std::int32_t leader_epoch = 0;

    static void fields(auto& self, auto& field) {
      field(self.partition);
      field(self.current_leader_epoch, since(2));
      field(self.leader_epoch);
    }
  };

  struct OffsetForLeaderTopic {
    std::string topic = {};
    std::vector<OffsetForLeaderPartition> partitions = {};

    static void fields(auto& self, auto& field) {
      field(self.topic);
      field(self.partitions);
    }
  };

  std::int32_t replica_id = -2;
  std::vector<OffsetForLeaderTopic> topics = {};

  static void fields(auto& self, auto& field) {
    field(self.replica_id, since(3));
    field(self.topics);
  }
};

struct OffsetForLeaderEpochResponse {
  static constexpr CallShape kCall = OffsetForLeaderEpochRequest::kCall;

  struct EpochEndOffset {
    ErrorCode error_code = ErrorCode::kNone;
    std::int32_t partition = 0;
    std::int32_t leader_epoch = -1;
    std::int64_t end_offset = -1;

    static void fields(auto& self, auto& field) {
      field(self.error_code);
      field(self.partition);
      field(self.leader_epoch, since(1));
      field(self.end_offset);
    }
  };

  struct OffsetForLeaderTopicResult {
    std::string topic = {};
    std::vector<EpochEndOffset> partitions = {};

    static void fields(auto& self, auto& field) {
      field(self.topic);
      field(self.partitions);
    }
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<OffsetForLeaderTopicResult> topics = {};

  static void fields(auto& self, auto& field) {
    field(self.throttle_time_ms, since(2));
    field(self.topics);
  }
};

struct DeleteRecordsRequest {
  static constexpr CallShape kCall = {21, "DeleteRecords", 0, 2, 2};

  struct DeleteRecordsPartition {
    std::int32_t partition_index = 0;
    std::int64_t offset = 0;

    static void fields(auto& self, auto& field) {
      field(self.partition_index);
      field(self.offset);
    }
  };

  struct DeleteRecordsTopic {
    std::string name = {};
    std::vector<DeleteRecordsPartition> partitions = {};

    static void fields(auto& self, auto& field) {
      field(self.name);
      field(self.partitions);
    }
  };

  std::vector<DeleteRecordsTopic> topics = {};
  std::int32_t timeout_ms = 0;

  static void fields(auto& self, auto& field) {
    field(self.topics);
    field(self.timeout_ms);
  }
};

struct DeleteRecordsResponse {
  static constexpr CallShape kCall = DeleteRecordsRequest::kCall;

  struct DeleteRecordsPartitionResult {
    std::int32_t partition_index = 0;
    std::int64_t low_watermark = 0;
    ErrorCode error_code = ErrorCode::kNone;

    static void fields(auto& self, auto& field) {
      field(self.partition_index);
      field(self.low_watermark);
      field(self.error_code);
    }
  };

  struct DeleteRecordsTopicResult {
    std::string name = {};
    std::vector<DeleteRecordsPartitionResult> partitions = {};

    static void fields(auto& self, auto& field) {
      field(self.name);
      field(self.partitions);
    }
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<DeleteRecordsTopicResult> topics = {};

  static void fields(auto& self, auto& field) {
    field(self.throttle_time_ms);
    field(self.topics);
  }
};

}  // namespace protocol::kafka
