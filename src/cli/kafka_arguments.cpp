#include "cli/kafka_commands.h"

namespace cli {
namespace {

using Run = std::function<base::Result<>()>;
template <class Flags>
using Command = base::Result<> (*)(const KafkaTarget&, const Flags&);

template <class Flags>
void calls(CLI::App* app, const std::string& project, KafkaTarget& target, Flags& flags,
           Command<Flags> command, Run& run) {
  app->add_option("--url", target.url, "kafka://host:port; the running Waybill's without it");
  app->callback([&project, &target, &flags, command, &run] {
    run = [&project, &target, &flags, command]() -> base::Result<> {
      target.project = project;
      auto result = command(target, flags);
      if (!result) return std::unexpected(for_command(std::move(result).error()));
      return result;
    };
  });
}

}  // namespace

void KafkaArguments::add_topics(CLI::App& app, const std::string& project, Run& run) {
  auto* topics = app.add_subcommand("topics", "topics of the event log")->require_subcommand(1);
  TopicFlags& f = topics_;
  const auto add = [&](const char* name, const char* what, Command<TopicFlags> command,
                       bool named) {
    auto* sub = topics->add_subcommand(name, what);
    calls(sub, project, target_, f, command, run);
    if (named) sub->add_option("topic", f.topics, "one or more topics")->required();
    return sub;
  };
  auto* list = add("list", "all topics", topics_list, false);
  list->add_flag("--internal", f.internal, "also those that begin with __");
  list->add_flag("--json", f.json, "as JSON");
  auto* create = add("create", "make topics", topics_create, true);
  create->add_option("--partitions", f.partitions, "partitions of each");
  create->add_option("--replication", f.replication, "copies; of a cluster of several brokers");
  create->add_option("--config", f.settings, "name=value; may be repeated");
  add("delete", "delete topics and all their records", topics_delete, true);
  add("describe", "partitions and settings", topics_describe, true)
      ->add_flag("--json", f.json, "as JSON");
  auto* alter = add("alter", "change settings, or add partitions", topics_alter, true);
  alter->add_option("--partitions", f.partitions, "so many in all");
  alter->add_option("--config", f.settings, "name=value; may be repeated");
  alter->add_option("--reset", f.reset, "a setting that takes its default again");
  auto* offsets = add("offsets", "first and next offset of each partition", topics_offsets, true);
  offsets->add_option("--time", f.time, "also the first offset from this time on (RFC 3339)");
  offsets->add_flag("--json", f.json, "as JSON");
}

void KafkaArguments::add_groups(CLI::App& app, const std::string& project, Run& run) {
  auto* groups = app.add_subcommand("groups", "consumer groups")->require_subcommand(1);
  GroupFlags& f = groups_;
  const auto add = [&](const char* name, const char* what, Command<GroupFlags> command,
                       bool named) {
    auto* sub = groups->add_subcommand(name, what);
    calls(sub, project, target_, f, command, run);
    if (named) sub->add_option("group", f.groups, "the group")->required();
    return sub;
  };
  add("list", "all groups", groups_list, false)->add_flag("--json", f.json, "as JSON");
  add("describe", "members, offsets and lag of each partition", groups_describe, true)
      ->add_flag("--json", f.json, "as JSON");
  add("delete", "forget groups without members", groups_delete, true);
  auto* reset = add("reset", "put a group without members at another place", groups_reset, true);
  reset->add_option("--topic", f.topic, "only this topic; also one that is new to the group");
  reset->add_option("--partition", f.partition, "only this partition");
  reset->add_flag("--to-earliest", f.to_earliest, "the oldest record that is kept");
  reset->add_flag("--to-latest", f.to_latest, "the end");
  reset->add_option("--to-time", f.to_time, "the first record from this time on (RFC 3339)");
  reset->add_option("--to-offset", f.to_offset, "this offset, or the nearest that is kept");
  reset->add_flag("--dry-run", f.dry_run, "only show what would be");
  reset->add_flag("--json", f.json, "as JSON");
}

void KafkaArguments::add_to(CLI::App& app, const std::string& project, Run& run) {
  add_topics(app, project, run);
  add_groups(app, project, run);
  auto* produce_app = app.add_subcommand("produce", "send the lines of stdin as records");
  calls(produce_app, project, target_, produce_, produce, run);
  ProduceFlags& p = produce_;
  produce_app->add_option("topic", p.topic, "the topic")->required();
  produce_app->add_option("--key-separator", p.key_separator, "what stands between key and value");
  produce_app->add_option("--header", p.headers, "name=value on every record; may be repeated")
      ->allow_extra_args(false);
  produce_app->add_option("--format", p.format, "text, json or json-records");
  produce_app->add_option("--partition", p.partition, "this one, whatever the key");
  produce_app->add_option("--compression", p.compression, "none, gzip, snappy, lz4 or zstd")
      ->check(CLI::IsMember({"none", "gzip", "snappy", "lz4", "zstd"}));
  produce_app->add_option("--acks", p.acks, "all, 1 or 0")
      ->check(CLI::IsMember({"all", "-1", "1", "0"}));

  auto* consume_app = app.add_subcommand("consume", "print the records of a topic");
  calls(consume_app, project, target_, consume_, consume, run);
  ConsumeFlags& c = consume_;
  consume_app->add_option("topic", c.topic, "the topic")->required();
  consume_app->add_option("--from", c.from, "beginning, end, an offset, or a time (RFC 3339)");
  consume_app->add_flag("--follow,-f", c.follow, "wait for more at the end");
  consume_app->add_option("--count,-n", c.count, "so many records at most");
  consume_app->add_option("--group", c.group, "read as a member, and commit what was printed");
  consume_app->add_option("--partition", c.partition, "only this one");
  consume_app->add_option("--format", c.format,
                          "text, json, key-value, or a pattern such as '%o %k %v'");
}

}  // namespace cli
