// Consumer groups: who is in them, and who coordinates them.
#include <algorithm>
#include <cctype>

#include "log/groups.h"
#include "server/kafka_coordinator_error.h"
#include "server/kafka_handlers.h"

namespace server {
namespace {

using eventlog::CoordinatorError;
using kafka::ErrorCode;

constexpr std::int8_t kGroupKey = 0;
constexpr std::int8_t kTransactionKey = 1;
constexpr std::string_view kClassicType = "classic";

// "127.0.0.1:4711" as Kafka shows it: "/127.0.0.1".
std::string host_of(const std::string& peer) { return "/" + peer.substr(0, peer.rfind(':')); }

bool same_word(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

bool passes(const std::vector<std::string>& filter, std::string_view word) {
  return filter.empty() || std::ranges::any_of(filter, [&](const std::string& each) {
           return same_word(each, word);
         });
}

}  // namespace

// This node coordinates everything.
KafkaAnswer<kafka::FindCoordinatorResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                                   kafka::FindCoordinatorRequest request) {
  kafka::FindCoordinatorResponse response;
  const bool known = request.key_type == kGroupKey || request.key_type == kTransactionKey;
  const ErrorCode error = known ? ErrorCode::kNone : ErrorCode::kInvalidRequest;
  if (call.version >= 4) {
    for (std::string& key : request.coordinator_keys) {
      response.coordinators.push_back({.key = std::move(key),
                                       .node_id = known ? kKafkaNodeId : -1,
                                       .host = known ? broker.host() : "",
                                       .port = known ? broker.port() : -1,
                                       .error_code = error});
    }
    co_return response;
  }
  response.error_code = error;
  response.error_message.reset();
  response.node_id = known ? kKafkaNodeId : -1;
  response.host = known ? broker.host() : "";
  response.port = known ? broker.port() : -1;
  co_return response;
}

KafkaAnswer<kafka::JoinGroupResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                             kafka::JoinGroupRequest request) {
  eventlog::JoinCall join{.group_id = std::move(request.group_id),
                          .member_id = std::move(request.member_id),
                          .group_instance_id = std::move(request.group_instance_id),
                          .client_id = call.client_id,
                          .client_host = host_of(call.session.peer),
                          .protocol_type = std::move(request.protocol_type),
                          .protocols = {},
                          .session_timeout_ms = request.session_timeout_ms,
                          .rebalance_timeout_ms = request.rebalance_timeout_ms,
                          .require_known_member_id = call.version >= 4,
                          .knows_skip_assignment = call.version >= 9};
  for (auto& protocol : request.protocols)
    join.protocols.emplace_back(std::move(protocol.name), std::move(protocol.metadata));
  const auto start = [&broker, &join](std::function<void(eventlog::JoinAnswer)> done) {
    broker.groups().join(std::move(join), std::move(done));
  };
  eventlog::JoinAnswer joined = co_await await_callback<eventlog::JoinAnswer>(start);
  kafka::JoinGroupResponse response;
  response.error_code = kafka_error(joined.error);
  response.generation_id = joined.generation_id;
  response.leader = std::move(joined.leader);
  response.skip_assignment = joined.skip_assignment;
  response.member_id = std::move(joined.member_id);
  if (joined.error == CoordinatorError::kNone) {
    response.protocol_type = std::move(joined.protocol_type);
    response.protocol_name = std::move(joined.protocol_name);
  } else if (call.version >= 7) {
    response.protocol_name.reset();
  }
  for (auto& member : joined.members) {
    response.members.push_back({.member_id = std::move(member.member_id),
                                .group_instance_id = std::move(member.group_instance_id),
                                .metadata = std::move(member.metadata)});
  }
  co_return response;
}

KafkaAnswer<kafka::SyncGroupResponse> handle(KafkaBroker& broker, const KafkaCall& /*call*/,
                                             kafka::SyncGroupRequest request) {
  eventlog::SyncCall sync{.group_id = std::move(request.group_id),
                          .generation_id = request.generation_id,
                          .member_id = std::move(request.member_id),
                          .group_instance_id = std::move(request.group_instance_id),
                          .protocol_type = std::move(request.protocol_type),
                          .protocol_name = std::move(request.protocol_name),
                          .assignments = {}};
  for (auto& each : request.assignments)
    sync.assignments.emplace_back(std::move(each.member_id), std::move(each.assignment));
  const auto start = [&broker, &sync](std::function<void(eventlog::SyncAnswer)> done) {
    broker.groups().sync(std::move(sync), std::move(done));
  };
  eventlog::SyncAnswer synced = co_await await_callback<eventlog::SyncAnswer>(start);
  kafka::SyncGroupResponse response;
  response.error_code = kafka_error(synced.error);
  if (synced.error == CoordinatorError::kNone) {
    response.protocol_type = std::move(synced.protocol_type);
    response.protocol_name = std::move(synced.protocol_name);
  }
  response.assignment = std::move(synced.assignment);
  co_return response;
}

KafkaAnswer<kafka::HeartbeatResponse> handle(KafkaBroker& broker, const KafkaCall& /*call*/,
                                             kafka::HeartbeatRequest request) {
  kafka::HeartbeatResponse response;
  const CoordinatorError error =
      broker.groups().heartbeat({.group_id = std::move(request.group_id),
                                 .generation_id = request.generation_id,
                                 .member_id = std::move(request.member_id),
                                 .group_instance_id = std::move(request.group_instance_id)});
  response.error_code = kafka_error(error);
  co_return response;
}

KafkaAnswer<kafka::LeaveGroupResponse> handle(KafkaBroker& broker, const KafkaCall& call,
                                              kafka::LeaveGroupRequest request) {
  std::vector<eventlog::LeavingMember> members;
  if (call.version < 3) {
    members.push_back({.member_id = request.member_id});
  } else {
    for (const auto& member : request.members)
      members.push_back({member.member_id, member.group_instance_id});
  }
  const eventlog::LeaveAnswer left = broker.groups().leave(request.group_id, members);
  kafka::LeaveGroupResponse response;
  response.error_code = kafka_error(left.error);
  if (call.version < 3) {
    response.error_code = kafka_error(left.members.front());
    co_return response;
  }
  for (std::size_t i = 0; i < members.size(); ++i) {
    response.members.push_back({.member_id = members[i].member_id,
                                .group_instance_id = members[i].group_instance_id,
                                .error_code = kafka_error(left.members[i])});
  }
  co_return response;
}

KafkaAnswer<kafka::DescribeGroupsResponse> handle(KafkaBroker& broker, const KafkaCall& /*call*/,
                                                  kafka::DescribeGroupsRequest request) {
  kafka::DescribeGroupsResponse response;
  for (const std::string& name : request.groups) {
    eventlog::GroupDescription group = broker.groups().describe(name);
    kafka::DescribeGroupsResponse::DescribedGroup described;
    described.group_id = name;
    if (name.empty()) described.error_code = ErrorCode::kInvalidGroupId;
    described.group_state = std::move(group.state);
    described.protocol_type = std::move(group.protocol_type);
    described.protocol_data = std::move(group.protocol_name);
    for (auto& member : group.members) {
      described.members.push_back({.member_id = std::move(member.member_id),
                                   .group_instance_id = std::move(member.group_instance_id),
                                   .client_id = std::move(member.client_id),
                                   .client_host = std::move(member.client_host),
                                   .member_metadata = std::move(member.metadata),
                                   .member_assignment = std::move(member.assignment)});
    }
    response.groups.push_back(std::move(described));
  }
  co_return response;
}

KafkaAnswer<kafka::ListGroupsResponse> handle(KafkaBroker& broker, const KafkaCall& /*call*/,
                                              kafka::ListGroupsRequest request) {
  kafka::ListGroupsResponse response;
  for (auto& group : broker.groups().list()) {
    if (!passes(request.states_filter, group.state)) continue;
    if (!passes(request.types_filter, kClassicType)) continue;
    response.groups.push_back({.group_id = std::move(group.group_id),
                               .protocol_type = std::move(group.protocol_type),
                               .group_state = std::move(group.state),
                               .group_type = std::string(kClassicType)});
  }
  co_return response;
}

KafkaAnswer<kafka::DeleteGroupsResponse> handle(KafkaBroker& broker, const KafkaCall& /*call*/,
                                                kafka::DeleteGroupsRequest request) {
  kafka::DeleteGroupsResponse response;
  for (const std::string& name : request.groups_names) {
    const auto start = [&broker, &name](std::function<void(CoordinatorError)> done) {
      broker.groups().delete_group(name, std::move(done));
    };
    const CoordinatorError error = co_await await_callback<CoordinatorError>(start);
    response.results.push_back({.group_id = name, .error_code = kafka_error(error)});
  }
  co_return response;
}

}  // namespace server
