// The commands that the session answers by itself.
#include <algorithm>

#include "protocol/postgres/session.h"
#include "protocol/postgres/types.h"

namespace protocol::postgres {

namespace {

using Kind = Command::Kind;

std::unexpected<ErrorFields> refuse(std::string sqlstate, std::string message,
                                    std::string hint = "") {
  ErrorFields fields;
  fields.sqlstate = std::move(sqlstate);
  fields.message = std::move(message);
  fields.hint = std::move(hint);
  return std::unexpected(std::move(fields));
}

void warn(std::string sqlstate, std::string message, std::string& out) {
  ErrorFields fields;
  fields.severity = "WARNING";
  fields.sqlstate = std::move(sqlstate);
  fields.message = std::move(message);
  BackendEncoder(out).notice_response(fields);
}

// Rows of texts: the results of SHOW, set_config and pg_cancel_backend.
class TextRows final : public Rows {
 public:
  TextRows(std::vector<std::string> names, std::vector<std::vector<std::string>> rows,
           Oid type = oid::kText)
      : rows_(std::move(rows)) {
    for (auto& name : names)
      columns_.push_back({.name = std::move(name), .type = type, .type_size = type_size(type)});
  }
  const std::vector<ColumnDescription>& columns() const override { return columns_; }
  Answer<std::size_t> fetch(std::size_t rows_max, std::size_t, const std::vector<Format>& formats,
                            std::string& out) override {
    std::size_t count = 0;
    for (; count < rows_max && next_ < rows_.size(); ++count, ++next_) {
      const MessageScope message(out, 'D');
      append_u16(out, static_cast<std::uint16_t>(columns_.size()));
      for (std::size_t i = 0; i < columns_.size(); ++i) {
        const auto& value = rows_[next_][i];
        if (columns_[i].type == oid::kBool && format_at(formats, i) == Format::kBinary) {
          append_binary_bool(out, value == "t");
        } else {
          append_value(out, value);
        }
      }
    }
    return count;
  }
  bool done() const override { return next_ == rows_.size(); }

 private:
  std::vector<ColumnDescription> columns_;
  std::vector<std::vector<std::string>> rows_;
  std::size_t next_ = 0;
};

const std::vector<ColumnDescription>& one_column(const std::string& name, Oid type) {
  thread_local std::vector<ColumnDescription> columns;
  columns.assign(1, {.name = name, .type = type, .type_size = type_size(type)});
  return columns;
}

const std::vector<ColumnDescription>& one_text_column(const std::string& name) {
  return one_column(name, oid::kText);
}

const std::vector<ColumnDescription>& setting_columns() {
  static const std::vector<ColumnDescription> kColumns = {
      {.name = "name"}, {.name = "setting"}, {.name = "description"}};
  return kColumns;
}

}  // namespace

// Null: the statement returns no rows.
Answer<const std::vector<ColumnDescription>*> Session::columns_of(const Statement& statement) {
  if (!statement.command) {
    // A statement that only changes rows has no columns.
    if (!statement.prepared || statement.prepared->columns().empty()) return nullptr;
    return &statement.prepared->columns();
  }
  const auto& command = *statement.command;
  switch (command.kind) {
    case Kind::kShow:
      return command.name.empty() ? &setting_columns() : &one_text_column(command.name);
    case Kind::kSetConfig:
      return &one_text_column("set_config");
    case Kind::kCancel:
      return &one_column(command.name, oid::kBool);
    case Kind::kFetch: {
      const auto cursor = portals_.find(command.name);
      if (cursor == portals_.end() || !cursor->second->rows) {
        return refuse("34000", "cursor \"" + command.name + "\" does not exist",
                      "declare it in this transaction");
      }
      return &cursor->second->rows->columns();
    }
    default:
      return nullptr;
  }
}

Answer<> Session::run_command(const Command& command, const std::shared_ptr<Portal>& portal,
                              bool simple, std::string& out) {
  switch (command.kind) {
    case Kind::kBegin:
    case Kind::kCommit:
    case Kind::kRollback:
    case Kind::kSavepoint:
    case Kind::kRelease:
    case Kind::kRollbackTo:
      return run_transaction_command(command, out);
    case Kind::kSet:
    case Kind::kReset:
      return run_setting_command(command, out);
    case Kind::kSetConfig: {
      if (auto set = change_setting(command, out); !set) return set;
      portal->rows = std::make_unique<TextRows>(
          std::vector<std::string>{"set_config"},
          std::vector<std::vector<std::string>>{{settings_.get(command.name).value_or("")}});
      return {};
    }
    case Kind::kCancel: {
      const bool done = engine_->cancel(static_cast<std::int32_t>(command.rows));
      portal->rows = std::make_unique<TextRows>(
          std::vector{command.name}, std::vector<std::vector<std::string>>{{done ? "t" : "f"}},
          oid::kBool);
      return {};
    }
    case Kind::kShow: {
      std::vector<std::vector<std::string>> rows;
      if (!command.name.empty()) {
        rows.push_back({settings_.get(command.name).value_or("")});
        portal->rows = std::make_unique<TextRows>(std::vector{command.name}, std::move(rows));
        return {};
      }
      for (const auto& [name, value] : settings_.all()) rows.push_back({name, value, ""});
      portal->rows = std::make_unique<TextRows>(
          std::vector<std::string>{"name", "setting", "description"}, std::move(rows));
      return {};
    }
    case Kind::kDeclare:
      return declare(command, *portal, out);
    case Kind::kFetch:
    case Kind::kMove: {
      if (auto fetched = fetch(command, *portal, simple); !fetched) return fetched;
      if (simple && command.kind == Kind::kFetch) {
        BackendEncoder(out).row_description(sending_->from->rows->columns(), sending_->formats);
      }
      return {};
    }
    case Kind::kCopy:
      return copy(command, *portal, out);
    case Kind::kClose:
    case Kind::kDeallocate:
    case Kind::kDiscard:
      return drop_named(command, out);
    case Kind::kEmpty:
    case Kind::kSetIgnored:
    case Kind::kListen:
      break;
  }
  BackendEncoder(out).command_complete(command.tag);
  return {};
}

Answer<> Session::run_transaction_command(const Command& command, std::string& out) {
  const bool idle = status_ == TransactionStatus::kIdle;
  auto tag = command.tag;
  const auto savepoint = std::find(savepoints_.rbegin(), savepoints_.rend(), command.name);
  const bool needs_savepoint = command.kind == Kind::kRelease || command.kind == Kind::kRollbackTo;
  if (idle && (needs_savepoint || command.kind == Kind::kSavepoint)) {
    return refuse("25P01", command.tag + " can only be used in transaction blocks",
                  "send BEGIN first");
  }
  if (needs_savepoint && savepoint == savepoints_.rend()) {
    return refuse("3B001", "savepoint \"" + command.name + "\" does not exist",
                  "create it with SAVEPOINT");
  }
  switch (command.kind) {
    case Kind::kBegin:
      if (!idle) warn("25001", "there is already a transaction in progress", out);
      if (idle) settings_before_transaction_ = settings_;
      status_ = TransactionStatus::kInTransaction;
      break;
    case Kind::kSavepoint:
      if (savepoints_.size() >= kSavepointsMax) {
        return refuse("53400", fmt::format("more than {} savepoints", kSavepointsMax),
                      "release some of them");
      }
      savepoints_.push_back(command.name);
      break;
    case Kind::kRelease:
      savepoints_.erase(savepoint.base() - 1, savepoints_.end());
      break;
    case Kind::kRollbackTo:
      savepoints_.erase(savepoint.base(), savepoints_.end());
      status_ = TransactionStatus::kInTransaction;
      break;
    default: {
      if (idle) warn("25P01", "there is no transaction in progress", out);
      const bool rolled_back =
          command.kind == Kind::kRollback || status_ == TransactionStatus::kFailed;
      if (!idle && rolled_back) {
        const auto before = settings_;
        settings_ = *settings_before_transaction_;
        local_settings_.clear();
        report_settings(before, out);
        tag = "ROLLBACK";
      }
      end_transaction();
      if (auto applied = engine_->apply(settings_); !applied) return applied;
      break;
    }
  }
  BackendEncoder(out).command_complete(tag);
  return {};
}

void Session::end_transaction() {
  status_ = TransactionStatus::kIdle;
  savepoints_.clear();
  for (const auto& [name, value] : local_settings_) settings_.put(name, value);
  local_settings_.clear();
  settings_before_transaction_.reset();
  drop_portals(false);
}

void Session::drop_portals(bool held_too) {
  std::erase_if(portals_, [&](const auto& entry) { return held_too || !entry.second->hold; });
}

void Session::report_settings(const Settings& before, std::string& out) {
  for (const auto& name : Settings::reported()) {
    const auto value = settings_.get(name);
    if (value == before.get(name)) continue;
    BackendEncoder(out).parameter_status(Settings::reported_name(name), value.value_or(""));
  }
}

Answer<> Session::change_setting(const Command& command, std::string& out) {
  const auto before = settings_;
  if (command.local && status_ == TransactionStatus::kIdle) {
    warn("25P01", "SET LOCAL can only be used in transaction blocks", out);
    return {};
  }
  std::string notice;
  if (command.value) {
    if (auto set = settings_.set(command.name, *command.value, notice); !set) return set;
  } else if (command.name.empty()) {
    settings_.reset_all();
  } else {
    settings_.reset(command.name);
  }
  if (auto applied = engine_->apply(settings_); !applied) {
    settings_ = before;
    return applied;
  }
  if (command.local) local_settings_.emplace(command.name, before.get(command.name).value_or(""));
  if (!notice.empty()) warn("01000", notice, out);
  report_settings(before, out);
  return {};
}

Answer<> Session::run_setting_command(const Command& command, std::string& out) {
  if (auto changed = change_setting(command, out); !changed) return changed;
  BackendEncoder(out).command_complete(command.tag);
  return {};
}

Answer<> Session::declare(const Command& command, Portal& portal, std::string& out) {
  if (status_ == TransactionStatus::kIdle && !command.hold && (!simple_ || simple_->empty())) {
    return refuse("25P01", "DECLARE CURSOR can only be used in transaction blocks",
                  "send BEGIN first, or declare it WITH HOLD");
  }
  if (portals_.contains(command.name)) {
    return refuse("42P03", "cursor \"" + command.name + "\" already exists", "close it first");
  }
  if (portals_.size() >= kPortalsMax) {
    return refuse("53400", fmt::format("more than {} open cursors", kPortalsMax),
                  "close some of them");
  }
  auto rows = portal.statement->prepared->run(portal.values, {});
  if (!rows) return std::unexpected(rows.error());
  auto cursor = std::make_shared<Portal>();
  cursor->rows = std::move(*rows);
  cursor->ran = true;
  cursor->hold = command.hold;
  cursor->tag = "SELECT";
  if (command.binary) cursor->formats = {Format::kBinary};
  portals_.emplace(command.name, std::move(cursor));
  BackendEncoder(out).command_complete(command.tag);
  return {};
}

Answer<> Session::fetch(const Command& command, const Portal& portal, bool simple) {
  const auto cursor = portals_.find(command.name);
  if (cursor == portals_.end() || !cursor->second->rows) {
    return refuse("34000", "cursor \"" + command.name + "\" does not exist",
                  "declare it in this transaction");
  }
  sending_ = Sending{.from = cursor->second,
                     .formats = simple ? cursor->second->formats : portal.formats,
                     .tag = command.tag,
                     .rows_left = command.rows,
                     .silent = command.kind == Kind::kMove};
  return {};
}

Answer<> Session::copy(const Command& command, Portal& portal, std::string& out) {
  auto rows = engine_->query(command.query, {});
  if (!rows) {
    rows.error().position = 0;  // in a part of the text
    return std::unexpected(std::move(rows).error());
  }
  const auto writer = std::make_shared<CopyWriter>(*command.copy, (*rows)->columns());
  writer->begin(out);
  auto copied = std::make_shared<Portal>();
  copied->rows = *std::move(rows);
  copied->ran = true;
  portal.tag = command.tag;
  sending_ = Sending{
      .from = std::move(copied), .formats = {writer->format()}, .tag = command.tag, .copy = writer};
  return {};
}

Answer<> Session::drop_named(const Command& command, std::string& out) {
  if (command.kind == Kind::kDiscard) {
    if (status_ != TransactionStatus::kIdle) {
      return refuse("25001", "DISCARD ALL cannot run inside a transaction block",
                    "send COMMIT first");
    }
    statements_.clear();
    drop_portals(true);
    auto changed = change_setting({.kind = Kind::kReset, .tag = "RESET"}, out);
    if (!changed) return changed;
  } else if (command.kind == Kind::kDeallocate) {
    if (command.name.empty()) {
      statements_.clear();
    } else if (statements_.erase(command.name) == 0) {
      return refuse("26000", "prepared statement \"" + command.name + "\" does not exist",
                    "prepare it first");
    }
  } else if (command.name.empty()) {
    drop_portals(true);
  } else if (portals_.erase(command.name) == 0) {
    return refuse("34000", "cursor \"" + command.name + "\" does not exist", "declare it first");
  }
  BackendEncoder(out).command_complete(command.tag);
  return {};
}

}  // namespace protocol::postgres
