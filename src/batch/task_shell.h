// A command of a shell task: a process group of its own, its output in the task's log, ended as a
// whole when it takes too long or the scheduler stops.
//
// Threads: any.
#pragma once

#include <map>
#include <stop_token>
#include <string>

#include "batch/task_log.h"
#include "batch/task_runner.h"

namespace batch {

struct ShellCommand {
  std::string command;                             // for /bin/sh -c
  std::map<std::string, std::string> environment;  // beside this process's own
  base::Path folder;
  std::string mark;  // value of WAYBILL_TASKS_OF
};

TaskOutcome run_shell(const ShellCommand& command, TaskLog& log, std::stop_token stop);

// Ends what commands with this mark a killed process has left behind. Returns how many.
int end_orphans(const std::string& mark);

}  // namespace batch
