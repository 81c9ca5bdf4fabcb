#include <utility>

#include "server/remote_engine.h"
#include "server/sql_frames.h"

namespace server {
namespace {

class RemoteJsonQuery final : public JsonQuery {
 public:
  RemoteJsonQuery(SqlWorkers& workers, SqlRequest request)
      : workers_(workers), request_(std::move(request)) {
    origin_ = {.session = workers.new_session(), .workload = "page", .client = "http"};
  }
  ~RemoteJsonQuery() override { workers_.forget(origin_.session); }
  RemoteJsonQuery(const RemoteJsonQuery&) = delete;
  RemoteJsonQuery& operator=(const RemoteJsonQuery&) = delete;

  base::Result<std::string> run() override {
    const auto lease = TRY(workers_.lease(origin_, request_.sql));
    const std::string frame = TRY(lease->call(FrameWriter(FrameKind::kJson)
                                                  .text(request_.sql)
                                                  .i64(static_cast<std::int64_t>(request_.limit))
                                                  .bytes()));
    FrameReader reader(frame);
    if (reader.kind() == FrameKind::kRefusal) return std::unexpected(reader.refusal());
    std::string text(reader.text());
    if (reader.ok()) return text;
    return base::fail(base::Code::kCorrupt, "a SQL worker gave an answer that cannot be read");
  }
  void interrupt() override { workers_.interrupt(origin_.session); }

 private:
  SqlWorkers& workers_;
  const SqlRequest request_;
  QueryOrigin origin_;
};

}  // namespace

std::unique_ptr<JsonQuery> remote_json_query(SqlWorkers& workers, SqlRequest request) {
  return std::make_unique<RemoteJsonQuery>(workers, std::move(request));
}

}  // namespace server
