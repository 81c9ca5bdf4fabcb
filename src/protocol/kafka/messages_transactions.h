// Idempotent producers and transactions.
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

struct InitProducerIdRequest {
  static constexpr CallShape kCall = {22, "InitProducerId", 0, 5, 2};

  std::optional<std::string> transactional_id = "";
  std::int32_t transaction_timeout_ms = 0;
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = -1;

  static void fields(auto& self, auto& field) {
    field(self.transactional_id);
    field(self.transaction_timeout_ms);
    field(self.producer_id, since(3));
    field(self.producer_epoch, since(3));
  }
};

struct InitProducerIdResponse {
  static constexpr CallShape kCall = InitProducerIdRequest::kCall;

  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = 0;

  static void fields(auto& self, auto& field) {
    field(self.throttle_time_ms);
    field(self.error_code);
    field(self.producer_id);
    field(self.producer_epoch);
  }
};

struct AddPartitionsToTxnRequest {
  static constexpr CallShape kCall = {24, "AddPartitionsToTxn", 0, 3, 3};

  struct AddPartitionsToTxnTopic {
    std::string name = {};
    std::vector<std::int32_t> partitions = {};

    static void fields(auto& self, auto& field) {
      field(self.name);
      field(self.partitions);
    }
  };

  std::string transactional_id = {};
  std::int64_t producer_id = 0;
  std::int16_t producer_epoch = 0;
  std::vector<AddPartitionsToTxnTopic> topics = {};

  static void fields(auto& self, auto& field) {
    field(self.transactional_id);
    field(self.producer_id);
    field(self.producer_epoch);
    field(self.topics);
  }
};

struct AddPartitionsToTxnResponse {
  static constexpr CallShape kCall = AddPartitionsToTxnRequest::kCall;

  struct AddPartitionsToTxnPartitionResult {
    std::int32_t partition_index = 0;
    ErrorCode partition_error_code = ErrorCode::kNone;

    static void fields(auto& self, auto& field) {
      field(self.partition_index);
      field(self.partition_error_code);
    }
  };

  struct AddPartitionsToTxnTopicResult {
    std::string name = {};
    std::vector<AddPartitionsToTxnPartitionResult> results_by_partition = {};

    static void fields(auto& self, auto& field) {
      field(self.name);
      field(self.results_by_partition);
    }
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<AddPartitionsToTxnTopicResult> results_by_topic = {};

  static void fields(auto& self, auto& field) {
    field(self.throttle_time_ms);
    field(self.results_by_topic);
  }
};

struct AddOffsetsToTxnRequest {
  static constexpr CallShape kCall = {25, "AddOffsetsToTxn", 0, 4, 3};

  std::string transactional_id = {};
  std::int64_t producer_id = 0;
  std::int16_t producer_epoch = 0;
  std::string group_id = {};

  static void fields(auto& self, auto& field) {
    field(self.transactional_id);
    field(self.producer_id);
    field(self.producer_epoch);
    field(self.group_id);
  }
};

struct AddOffsetsToTxnResponse {
  static constexpr CallShape kCall = AddOffsetsToTxnRequest::kCall;

  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;

  static void fields(auto& self, auto& field) {
    field(self.throttle_time_ms);
    field(self.error_code);
  }
};

struct EndTxnRequest {
  static constexpr CallShape kCall = {26, "EndTxn", 0, 4, 3};

  std::string transactional_id = {};
  std::int64_t producer_id = 0;
  std::int16_t producer_epoch = 0;
  bool committed = false;

  static void fields(auto& self, auto& field) {
    field(self.transactional_id);
    field(self.producer_id);
    field(self.producer_epoch);
    field(self.committed);
  }
};

struct EndTxnResponse {
  static constexpr CallShape kCall = EndTxnRequest::kCall;

  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;

  static void fields(auto& self, auto& field) {
    field(self.throttle_time_ms);
    field(self.error_code);
  }
};

struct TxnOffsetCommitRequest {
  static constexpr CallShape kCall = {28, "TxnOffsetCommit", 0, 4, 3};

  struct TxnOffsetCommitRequestPartition {
    std::int32_t partition_index = 0;
    std::int64_t committed_offset = 0;
    std::int32_t committed_leader_epoch = -1;
    std::optional<std::string> committed_metadata = "";

    static void fields(auto& self, auto& field) {
      field(self.partition_index);
      field(self.committed_offset);
      field(self.committed_leader_epoch, since(2));
      field(self.committed_metadata);
    }
  };

  struct TxnOffsetCommitRequestTopic {
    std::string name = {};
    std::vector<TxnOffsetCommitRequestPartition> partitions = {};

    static void fields(auto& self, auto& field) {
      field(self.name);
      field(self.partitions);
    }
  };

  std::string transactional_id = {};
  std::string group_id = {};
  std::int64_t producer_id = 0;
  std::int16_t producer_epoch = 0;
  std::int32_t generation_id = -1;
  std::string member_id = {};
  std::optional<std::string> group_instance_id = {};
  std::vector<TxnOffsetCommitRequestTopic> topics = {};

  static void fields(auto& self, auto& field) {
    field(self.transactional_id);
    field(self.group_id);
    field(self.producer_id);
    field(self.producer_epoch);
    field(self.generation_id, since(3));
    field(self.member_id, since(3));
    field(self.group_instance_id, since(3));
    field(self.topics);
  }
};

struct TxnOffsetCommitResponse {
  static constexpr CallShape kCall = TxnOffsetCommitRequest::kCall;

  struct TxnOffsetCommitResponsePartition {
    std::int32_t partition_index = 0;
    ErrorCode error_code = ErrorCode::kNone;

    static void fields(auto& self, auto& field) {
      field(self.partition_index);
      field(self.error_code);
    }
  };

  struct TxnOffsetCommitResponseTopic {
    std::string name = {};
    std::vector<TxnOffsetCommitResponsePartition> partitions = {};

    static void fields(auto& self, auto& field) {
      field(self.name);
      field(self.partitions);
    }
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<TxnOffsetCommitResponseTopic> topics = {};

  static void fields(auto& self, auto& field) {
    field(self.throttle_time_ms);
    field(self.topics);
  }
};

struct DescribeProducersRequest {
  static constexpr CallShape kCall = {61, "DescribeProducers", 0, 0, 0};

  struct TopicRequest {
    std::string name = {};
    std::vector<std::int32_t> partition_indexes = {};

    static void fields(auto& self, auto& field) {
      field(self.name);
      field(self.partition_indexes);
    }
  };

  std::vector<TopicRequest> topics = {};

  static void fields(auto& self, auto& field) { field(self.topics); }
};

struct DescribeProducersResponse {
  static constexpr CallShape kCall = DescribeProducersRequest::kCall;

  struct ProducerState {
    std::int64_t producer_id = 0;
    std::int32_t producer_epoch = 0;
    std::int32_t last_sequence = -1;
    std::int64_t last_timestamp = -1;
    std::int32_t coordinator_epoch = 0;
    std::int64_t current_txn_start_offset = -1;

    static void fields(auto& self, auto& field) {
      field(self.producer_id);
      field(self.producer_epoch);
      field(self.last_sequence);
      field(self.last_timestamp);
      field(self.coordinator_epoch);
      field(self.current_txn_start_offset);
    }
  };

  struct PartitionResponse {
    std::int32_t partition_index = 0;
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string> error_message = {};
    std::vector<ProducerState> active_producers = {};

    static void fields(auto& self, auto& field) {
      field(self.partition_index);
      field(self.error_code);
      field(self.error_message);
      field(self.active_producers);
    }
  };

  struct TopicResponse {
    std::string name = {};
    std::vector<PartitionResponse> partitions = {};

    static void fields(auto& self, auto& field) {
      field(self.name);
      field(self.partitions);
    }
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<TopicResponse> topics = {};

  static void fields(auto& self, auto& field) {
    field(self.throttle_time_ms);
    field(self.topics);
  }
};

struct DescribeTransactionsRequest {
  static constexpr CallShape kCall = {65, "DescribeTransactions", 0, 0, 0};

  std::vector<std::string> transactional_ids = {};

  static void fields(auto& self, auto& field) { field(self.transactional_ids); }
};

struct DescribeTransactionsResponse {
  static constexpr CallShape kCall = DescribeTransactionsRequest::kCall;

  struct TopicData {
    std::string topic = {};
    std::vector<std::int32_t> partitions = {};

    static void fields(auto& self, auto& field) {
      field(self.topic);
      field(self.partitions);
    }
  };

  struct TransactionState {
    ErrorCode error_code = ErrorCode::kNone;
    std::string transactional_id = {};
    std::string transaction_state = {};
    std::int32_t transaction_timeout_ms = 0;
    std::int64_t transaction_start_time_ms = 0;
    std::int64_t producer_id = 0;
    std::int16_t producer_epoch = 0;
    std::vector<TopicData> topics = {};

    static void fields(auto& self, auto& field) {
      field(self.error_code);
      field(self.transactional_id);
      field(self.transaction_state);
      field(self.transaction_timeout_ms);
      field(self.transaction_start_time_ms);
      field(self.producer_id);
      field(self.producer_epoch);
      field(self.topics);
    }
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<TransactionState> transaction_states = {};

  static void fields(auto& self, auto& field) {
    field(self.throttle_time_ms);
    field(self.transaction_states);
  }
};

struct ListTransactionsRequest {
  static constexpr CallShape kCall = {66, "ListTransactions", 0, 1, 0};

  std::vector<std::string> state_filters = {};
  std::vector<std::int64_t> producer_id_filters = {};
  std::int64_t duration_filter = -1;

  static void fields(auto& self, auto& field) {
    field(self.state_filters);
    field(self.producer_id_filters);
    field(self.duration_filter, since(1));
  }
};

struct ListTransactionsResponse {
  static constexpr CallShape kCall = ListTransactionsRequest::kCall;

  struct TransactionState {
    std::string transactional_id = {};
    std::int64_t producer_id = 0;
    std::string transaction_state = {};

    static void fields(auto& self, auto& field) {
      field(self.transactional_id);
      field(self.producer_id);
      field(self.transaction_state);
    }
  };

  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  std::vector<std::string> unknown_state_filters = {};
  std::vector<TransactionState> transaction_states = {};

  static void fields(auto& self, auto& field) {
    field(self.throttle_time_ms);
    field(self.error_code);
    field(self.unknown_state_filters);
    field(self.transaction_states);
  }
};

}  // namespace protocol::kafka
