// Consumer groups: membership, description, deletion.
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

struct FindCoordinatorRequest {
  static constexpr CallShape kCall = {10, "FindCoordinator", 0, 6, 3};

  std::string key = {};
  std::int8_t key_type = 0;
  std::vector<std::string> coordinator_keys = {};

  static void fields(auto& self, auto& field) {
    field(self.key, versions(0, 3));
    field(self.key_type, since(1));
    field(self.coordinator_keys, since(4));
  }
};

struct FindCoordinatorResponse {
  static constexpr CallShape kCall = FindCoordinatorRequest::kCall;

  struct Coordinator {
    std::string key = {};
    std::int32_t node_id = 0;
    std::string host = {};
    std::int32_t port = 0;
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string> error_message = "";

    static void fields(auto& self, auto& field) {
      field(self.key);
      field(self.node_id);
      field(self.host);
      field(self.port);
      field(self.error_code);
      field(self.error_message);
    }
  };

  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  std::optional<std::string> error_message = "";
  std::int32_t node_id = 0;
  std::string host = {};
  std::int32_t port = 0;
  std::vector<Coordinator> coordinators = {};

  static void fields(auto& self, auto& field) {
    field(self.throttle_time_ms, since(1));
    field(self.error_code, versions(0, 3));
    field(self.error_message, versions(1, 3));
    field(self.node_id, versions(0, 3));
    field(self.host, versions(0, 3));
    field(self.port, versions(0, 3));
    field(self.coordinators, since(4));
  }
};

struct JoinGroupRequest {
  static constexpr CallShape kCall = {11, "JoinGroup", 0, 9, 6};

  struct JoinGroupRequestProtocol {
    std::string name = {};
    Bytes metadata = {};

    static void fields(auto& self, auto& field) {
      field(self.name);
      field(self.metadata);
    }
  };

  std::string group_id = {};
  std::int32_t session_timeout_ms = 0;
  std::int32_t rebalance_timeout_ms = -1;
  std::string member_id = {};
  std::optional<std::string> group_instance_id = {};
  std::string protocol_type = {};
  std::vector<JoinGroupRequestProtocol> protocols = {};
  std::optional<std::string> reason = {};

  static void fields(auto& self, auto& field) {
    field(self.group_id);
    field(self.session_timeout_ms);
    field(self.rebalance_timeout_ms, since(1));
    field(self.member_id);
    field(self.group_instance_id, since(5));
    field(self.protocol_type);
    field(self.protocols);
    field(self.reason, since(8));
  }
};

struct JoinGroupResponse {
  static constexpr CallShape kCall = JoinGroupRequest::kCall;

  struct JoinGroupResponseMember {
    std::string member_id = {};
    std::optional<std::string> group_instance_id = {};
    Bytes metadata = {};

    static void fields(auto& self, auto& field) {
      field(self.member_id);
      field(self.group_instance_id, since(5));
      field(self.metadata);
    }
  };

  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  std::int32_t generation_id = -1;
  std::optional<std::string> protocol_type = {};
  std::optional<std::string> protocol_name = "";
  std::string leader = {};
  bool skip_assignment = false;
  std::string member_id = {};
  std::vector<JoinGroupResponseMember> members = {};

  static void fields(auto& self, auto& field) {
    field(self.throttle_time_ms, since(2));
    field(self.error_code);
    field(self.generation_id);
    field(self.protocol_type, since(7));
    field(self.protocol_name, always().nullable_since(7));
    field(self.leader);
    field(self.skip_assignment, since(9));
    field(self.member_id);
    field(self.members);
  }
};

struct SyncGroupRequest {
  static constexpr CallShape kCall = {14, "SyncGroup", 0, 5, 4};

  struct SyncGroupRequestAssignment {
    std::string member_id = {};
    Bytes assignment = {};

    static void fields(auto& self, auto& field) {
      field(self.member_id);
      field(self.assignment);
    }
  };

  std::string group_id = {};
  std::int32_t generation_id = 0;
  std::string member_id = {};
  std::optional<std::string> group_instance_id = {};
  std::optional<std::string> protocol_type = {};
  std::optional<std::string> protocol_name = {};
  std::vector<SyncGroupRequestAssignment> assignments = {};

  static void fields(auto& self, auto& field) {
    field(self.group_id);
    field(self.generation_id);
    field(self.member_id);
    field(self.group_instance_id, since(3));
    field(self.protocol_type, since(5));
    field(self.protocol_name, since(5));
    field(self.assignments);
  }
};

struct SyncGroupResponse {
  static constexpr CallShape kCall = SyncGroupRequest::kCall;

  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  std::optional<std::string> protocol_type = {};
  std::optional<std::string> protocol_name = {};
  Bytes assignment = {};

  static void fields(auto& self, auto& field) {
    field(self.throttle_time_ms, since(1));
    field(self.error_code);
    field(self.protocol_type, since(5));
    field(self.protocol_name, since(5));
    field(self.assignment);
  }
};

struct HeartbeatRequest {
  static constexpr CallShape kCall = {12, "Heartbeat", 0, 4, 4};

  std::string group_id = {};
  std::int32_t generation_id = 0;
  std::string member_id = {};
  std::optional<std::string> group_instance_id = {};

  static void fields(auto& self, auto& field) {
    field(self.group_id);
    field(self.generation_id);
    field(self.member_id);
    field(self.group_instance_id, since(3));
  }
};

struct HeartbeatResponse {
  static constexpr CallShape kCall = HeartbeatRequest::kCall;

  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;

  static void fields(auto& self, auto& field) {
    field(self.throttle_time_ms, since(1));
    field(self.error_code);
  }
};

struct LeaveGroupRequest {
  static constexpr CallShape kCall = {13, "LeaveGroup", 0, 5, 4};

  struct MemberIdentity {
    std::string member_id = {};
    std::optional<std::string> group_instance_id = {};
    std::optional<std::string> reason = {};

    static void fields(auto& self, auto& field) {
      field(self.member_id);
      field(self.group_instance_id);
      field(self.reason, since(5));
    }
  };

  std::string group_id = {};
  std::string member_id = {};
  std::vector<MemberIdentity> members = {};

  static void fields(auto& self, auto& field) {
    field(self.group_id);
    field(self.member_id, versions(0, 2));
    field(self.members, since(3));
  }
};

struct LeaveGroupResponse {
  static constexpr CallShape kCall = LeaveGroupRequest::kCall;

  struct MemberResponse {
    std::string member_id = {};
    std::optional<std::string> group_instance_id = "";
    ErrorCode error_code = ErrorCode::kNone;

    static void fields(auto& self, auto& field) {
      field(self.member_id);
      field(self.group_instance_id);
      field(self.error_code);
    }
  };

  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  std::vector<MemberResponse> members = {};

  static void fields(auto& self, auto& field) {
    field(self.throttle_time_ms, since(1));
    field(self.error_code);
    field(self.members, since(3));
  }
};

struct DescribeGroupsRequest {
  static constexpr CallShape kCall = {15, "DescribeGroups", 0, 5, 5};

  std::vector<std::string> groups = {};
  bool include_authorized_operations = false;

  static void fields(auto& self, auto& field) {
    field(self.groups);
    field(self.include_authorized_operations, since(3));
  }
};

struct DescribeGroupsResponse {
  static constexpr CallShape kCall = DescribeGroupsRequest::kCall;

  struct DescribedGroupMember {
    std::string member_id = {};
    std::optional<std::string> group_instance_id = {};
    std::string client_id = {};
    std::string client_host = {};
    Bytes member_metadata = {};
    Bytes member_assignment = {};

    static void fields(auto& self, auto& field) {
      field(self.member_id);
      field(self.group_instance_id, since(4));
      field(self.client_id);
      field(self.client_host);
      field(self.member_metadata);
      field(self.member_assignment);
    }
  };

  struct DescribedGroup {
    ErrorCode error_code = ErrorCode::kNone;
    std::string group_id = {};
    std::string group_state = {};
    std::string protocol_type = {};
    std::string protocol_data = {};
    std::vector<DescribedGroupMember> members = {};
    std::int32_t authorized_operations = INT32_MIN;

    static void fields(auto& self, auto& field) {
      field(self.error_code);
      field(self.group_id);
      field(self.group_state);
      field(self.protocol_type);
      field(self.protocol_data);
      field(self.members);
      field(self.authorized_operations, since(3));
    }
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<DescribedGroup> groups = {};

  static void fields(auto& self, auto& field) {
    field(self.throttle_time_ms, since(1));
    field(self.groups);
  }
};

struct ListGroupsRequest {
  static constexpr CallShape kCall = {16, "ListGroups", 0, 5, 3};

  std::vector<std::string> states_filter = {};
  std::vector<std::string> types_filter = {};

  static void fields(auto& self, auto& field) {
    field(self.states_filter, since(4));
    field(self.types_filter, since(5));
  }
};

struct ListGroupsResponse {
  static constexpr CallShape kCall = ListGroupsRequest::kCall;

  struct ListedGroup {
    std::string group_id = {};
    std::string protocol_type = {};
    std::string group_state = {};
    std::string group_type = {};

    static void fields(auto& self, auto& field) {
      field(self.group_id);
      field(self.protocol_type);
      field(self.group_state, since(4));
      field(self.group_type, since(5));
    }
  };

  std::int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  std::vector<ListedGroup> groups = {};

  static void fields(auto& self, auto& field) {
    field(self.throttle_time_ms, since(1));
    field(self.error_code);
    field(self.groups);
  }
};

struct DeleteGroupsRequest {
  static constexpr CallShape kCall = {42, "DeleteGroups", 0, 2, 2};

  std::vector<std::string> groups_names = {};

  static void fields(auto& self, auto& field) { field(self.groups_names); }
};

struct DeleteGroupsResponse {
  static constexpr CallShape kCall = DeleteGroupsRequest::kCall;

  struct DeletableGroupResult {
    std::string group_id = {};
    ErrorCode error_code = ErrorCode::kNone;

    static void fields(auto& self, auto& field) {
      field(self.group_id);
      field(self.error_code);
    }
  };

  std::int32_t throttle_time_ms = 0;
  std::vector<DeletableGroupResult> results = {};

  static void fields(auto& self, auto& field) {
    field(self.throttle_time_ms);
    field(self.results);
  }
};

}  // namespace protocol::kafka
