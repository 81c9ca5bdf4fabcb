// Makes a change in the process that was started for it (sql_writes.h): the statement's expressions
// are judged as queries are, then the lake commits once.
//
// Threads: one.
#pragma once

#include <string>
#include <vector>

#include "lake/catalog.h"
#include "server/sql_session.h"

namespace server {

struct ChangeRequest {
  std::string sql;    // as the client wrote it
  std::string table;  // the lake's name of what it changes
  std::vector<std::string> search_path;
};

// The command's tag: "INSERT 0 3".
base::Result<std::string> apply_change(lake::Catalog& catalog, ChangeSession& session,
                                       const ChangeRequest& request);

}  // namespace server
