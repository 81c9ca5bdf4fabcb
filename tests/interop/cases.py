"""Cases of a script, which are its functions: which they are, one after the other, counted."""
import subprocess
import sys
import time
import traceback
import uuid


def fresh(name):
    """A topic or group name that no earlier run has used."""
    return f"{name}-{uuid.uuid4().hex[:8]}"


def until(condition, seconds=15, what="condition"):
    """The first true answer of `condition`."""
    end = time.time() + seconds
    while time.time() < end:
        answer = condition()
        if answer:
            return answer
        time.sleep(0.1)
    raise AssertionError(f"{what} did not come true within {seconds} s")


def output_of(command, given=None, seconds=60, check=True):
    """What a command printed; its complaint as the error when it fails."""
    done = subprocess.run(command, input=given, capture_output=True, timeout=seconds)
    if check and done.returncode != 0:
        raise AssertionError(f"exit {done.returncode}: {done.stderr.decode(errors='replace')[-1500:]}")
    return done.stdout


def taking(parameter, module, but=()):
    """The functions of a module (its globals()) whose first parameter has that name, in the order of the text."""
    return [value for name, value in module.items()
            if getattr(value, "__code__", None) and value.__code__.co_varnames[:1] == (parameter,)
            and value.__module__ == module["__name__"] and name not in but]


def run(cases, *arguments, only=None):
    """Runs each case with `arguments`; the exit code."""
    failed = 0
    chosen = [case for case in cases if not only or case.__name__ in only]
    for case in chosen:
        began = time.time()
        try:
            case(*arguments)
            print(f"ok     {case.__name__.replace('_', ' ')} {time.time() - began:.1f} s", flush=True)
        except Exception:  # noqa: BLE001 - every failure is printed and counted
            failed += 1
            print(f"FAILED {case.__name__.replace('_', ' ')}", flush=True)
            traceback.print_exc(file=sys.stdout)
    print(f"{len(chosen) - failed} passed, {failed} failed", flush=True)
    return 1 if failed else 0
