"""A model of EC2 Auto Scaling as far as lifecycle hooks go: groups, their hooks, instances and the
lifecycle actions that are open. No network, no clock of its own.

Amazon EC2 Auto Scaling User Guide, "Amazon EC2 Auto Scaling lifecycle hooks", "Warm pools";
API Reference, CompleteLifecycleAction, RecordLifecycleActionHeartbeat, SetInstanceHealth.
"""

import uuid

LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"
TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"
GLOBAL_TIMEOUT_S = 48 * 3600
GLOBAL_TIMEOUT_BEATS = 100

# Where an instance waits, goes on, and ends up when every hook said CONTINUE.
WAYS = {
    "Pending": ("Pending:Wait", "Pending:Proceed", "InService"),
    "Warmed:Pending": ("Warmed:Pending:Wait", "Warmed:Pending:Proceed", "Warmed:Stopped"),
    "Terminating": ("Terminating:Wait", "Terminating:Proceed", "Terminated"),
    "Warmed:Terminating": ("Warmed:Terminating:Wait", "Warmed:Terminating:Proceed",
                           "Warmed:Terminated"),
}
STATES = {state for way in WAYS.values() for state in way} | set(WAYS) | {
    "Quarantined", "Detaching", "Detached", "EnteringStandby", "Standby", "Warmed:Running",
    "Warmed:Hibernated"}


class Invalid(Exception):
    """ValidationError, in AWS's words."""


class Hook:
    def __init__(self, name, transition=LAUNCHING, heartbeat_timeout=3600.0,
                 default_result="ABANDON"):
        if default_result not in ("CONTINUE", "ABANDON") or heartbeat_timeout <= 0:
            raise ValueError("no such hook")
        self.name, self.transition = name, transition
        self.heartbeat_timeout, self.default_result = heartbeat_timeout, default_result


class Action:
    """An open lifecycle action: of one hook, for one instance."""

    def __init__(self, hook, now):
        self.hook = hook
        self.token = str(uuid.uuid4())
        self.latest = now + min(GLOBAL_TIMEOUT_S, GLOBAL_TIMEOUT_BEATS * hook.heartbeat_timeout)
        self.beats = 0
        self.restart(now)

    def restart(self, now):
        self.deadline = min(now + self.hook.heartbeat_timeout, self.latest)


class Instance:
    def __init__(self, instance_id, group, zone):
        self.id, self.group, self.zone = instance_id, group, zone
        self.state = "Pending"
        self.health = "Healthy"
        self.actions = {}  # hook name -> Action
        self.in_service_since = None
        self.moves_at = None  # when it goes on from a state that passes
        self.moves_to = None
        self.history = []  # (state, why)


class Group:
    def __init__(self, name, grace_period):
        self.name, self.grace_period = name, grace_period
        self.hooks = {}
        self.id = str(uuid.uuid4())


class AutoScaling:
    """now: a function that returns seconds. proceed_s: how long "…:Proceed" lasts."""

    def __init__(self, now, proceed_s=0.0):
        self.now, self.proceed_s = now, proceed_s
        self.groups = {}
        self.instances = {}
        self.events = []  # what happened by itself or by a call: dicts

    # ---- what an administrator does ----

    def add_group(self, name, grace_period=0.0):
        self.groups[name] = Group(name, grace_period)

    def add_hook(self, group, name, **settings):
        self.groups[group].hooks[name] = Hook(name, **settings)

    def remove_hook(self, group, name):
        del self.groups[group].hooks[name]

    def launch(self, group, instance_id, zone="ap-northeast-1a", warm=False):
        instance = Instance(instance_id, self.groups[group], zone)
        self.instances[instance_id] = instance
        self._enter(instance, "Warmed:Pending" if warm else "Pending", LAUNCHING, "launched")

    def leave_pool(self, instance_id):
        """A stopped instance of the warm pool starts, for service."""
        self._enter(self.instances[instance_id], "Pending", LAUNCHING, "left the warm pool")

    def terminate(self, instance_id, why="scaled in"):
        instance = self.instances[instance_id]
        warm = instance.state.startswith("Warmed:")
        self._enter(instance, "Warmed:Terminating" if warm else "Terminating", TERMINATING, why)

    def set_state(self, instance_id, state):
        """Whatever the group thinks; open actions stay."""
        if state not in STATES:
            raise ValueError(f"no such state: {state}")
        self._set(self.instances[instance_id], state, "set")

    # ---- time ----

    def tick(self):
        """Everything that is due by now, in its order."""
        while True:
            due = [(instance.moves_at, instance, None) for instance in self.instances.values()
                   if instance.moves_at is not None]
            due += [(action.deadline, instance, action) for instance in self.instances.values()
                    for action in instance.actions.values()]
            due = [entry for entry in due if entry[0] <= self.now()]
            if not due:
                return
            _, instance, action = min(due, key=lambda entry: entry[0])
            if action is not None:
                self._finish(instance, action, action.hook.default_result, "timed out")
            else:
                instance.moves_at = None
                self._set(instance, instance.moves_to, "proceeded")

    def _set(self, instance, state, why):
        instance.state = state
        instance.history.append((state, why))
        if state == "InService":
            instance.in_service_since = self.now()
        self.events.append({"at": self.now(), "instance": instance.id, "state": state, "why": why})

    def _enter(self, instance, way, transition, why):
        instance.actions = {name: Action(hook, self.now())
                            for name, hook in instance.group.hooks.items()
                            if hook.transition == transition}
        self._set(instance, way, why)
        if instance.actions:
            self._set(instance, WAYS[way][0], "hooks")
        else:
            self._proceed(instance, way)

    def _proceed(self, instance, way):
        self._set(instance, WAYS[way][1], "no hook is open")
        instance.moves_to = WAYS[way][2]
        instance.moves_at = self.now() + self.proceed_s
        self.tick()

    def _finish(self, instance, action, result, why):
        """ABANDON at the launch ends the instance and what other hooks wait for; at the end it
        makes no difference but for the other hooks."""
        del instance.actions[action.hook.name]
        self.events.append({"at": self.now(), "instance": instance.id, "hook": action.hook.name,
                            "result": result, "why": why})
        way = next((way for way in WAYS if WAYS[way][0] == instance.state), None)
        if result == "ABANDON":
            instance.actions = {}
            if way is not None and not way.endswith("Terminating"):
                self.terminate(instance.id, "abandoned")
                return
        if not instance.actions and way is not None:
            self._proceed(instance, way)

    # ---- what the API does; after tick ----

    def group_named(self, name):
        if name not in self.groups:
            raise Invalid(f"AutoScalingGroup name not found - {name}")  # words not verified
        return self.groups[name]

    def _action(self, group, hook, instance_id, token):
        self.group_named(group)
        if token is not None:
            found = [(instance, action) for instance in self.instances.values()
                     for action in instance.actions.values() if action.token == token]
            wanted = f"token {token}"
        else:
            instance = self.instances.get(instance_id)
            found = [(instance, instance.actions[hook])] \
                if instance is not None and hook in instance.actions else []
            wanted = f"instance ID {instance_id}"
        for instance, action in found:
            if instance.group.name == group and action.hook.name == hook:
                return instance, action
        raise Invalid(f"No active Lifecycle Action found with {wanted}")

    def complete(self, group, hook, result, instance_id=None, token=None):
        self._finish(*self._action(group, hook, instance_id, token), result, "completed")

    def heartbeat(self, group, hook, instance_id=None, token=None):
        _, action = self._action(group, hook, instance_id, token)
        action.beats += 1
        action.restart(self.now())

    def set_health(self, instance_id, status, respect_grace_period=True):
        instance = self.instances.get(instance_id)
        if instance is None or instance.state == "Terminated":
            raise Invalid(f"Instance Id not found - {instance_id}")  # words not verified
        since = instance.in_service_since
        age = self.now() - since if since is not None else 0
        if status == "Unhealthy" and respect_grace_period and age < instance.group.grace_period:
            raise Invalid(f"The age of the instance ({int(age)} seconds) is less than the "
                          f"configured grace period of {int(instance.group.grace_period)} seconds")
        instance.health = status
        if status == "Unhealthy" and instance.state in ("InService", "Warmed:Running"):
            self.terminate(instance_id, "unhealthy")

    def describe(self, instance_ids=None):
        return [instance for instance in self.instances.values()
                if (instance_ids is None or instance.id in instance_ids)
                and instance.state not in ("Terminated", "Warmed:Terminated")]

    def snapshot(self):
        """For tests, as JSON has it."""
        return {
            "now": self.now(), "events": list(self.events),
            "instances": {
                instance.id: {
                    "group": instance.group.name, "state": instance.state,
                    "health": instance.health, "history": [list(h) for h in instance.history],
                    "actions": {name: {"token": action.token, "beats": action.beats,
                                       "deadline": action.deadline, "latest": action.latest}
                                for name, action in instance.actions.items()}}
                for instance in self.instances.values()}}
