// What the HTTP listener can do: one list.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/http_message.h"

namespace server {

enum class Call : std::uint8_t {
  kHealth,
  kMetrics,
  kIngest,
  kTopics,
  kLookups,
  kSql,
  kStatus,
  kRuns,
  kAudit,
  kDeadLetters,
  kRedrive,
  kRunModel,
  kExplainModel,
  kPauseModel,
  kResumeModel,
  kRewindModel,
  kStreams,
  kAlerts,
  kQueries,
  kKillQuery,
  kDashboards,
  kDashboard,
  kFleet,
  kFleetFeed,
  kLookup,
  kRoomCall,
  kPage,
  kUnknown,
};

struct Route {
  Method method;
  std::string_view pattern;  // "{name}" matches one segment that is not empty
  Call call;
};

std::span<const Route> routes();

struct Match {
  const Route* route = nullptr;  // null: the path is known, the method is not
  std::vector<std::string> captured;
};

// The first route of the list that fits; paths outside /v1 that no route names are the page's.
Match match(Method method, const std::vector<std::string>& segments);

}  // namespace server
