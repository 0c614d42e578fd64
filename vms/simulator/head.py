"""A simulated camera's pan-tilt head and lens: where it points at any moment.

Nothing runs while nobody asks: the position is worked out from what was commanded and when. `now`
is monotonic seconds.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

PAN_SPEED_LIMIT = 90.0
"""Degrees a second at speed 0xFF; tilting and zooming have limits of their own."""
TILT_SPEED_LIMIT = 45.0
ZOOM_SPEED_LIMIT = 5.0
TILT_MIN, TILT_MAX = -30.0, 90.0
"""Up is negative (A.2.3.1.11)."""
ZOOM_MIN, ZOOM_MAX = 1.0, 30.0
LENS_STEPS = 1000
LENS_SPEED_LIMIT = 500.0
"""Steps of focus or iris a second at speed 0xFF."""

WIDEST_HORIZONTAL, WIDEST_VERTICAL = 60.0, 35.0
"""Field angles in degrees at zoom 1."""
VIEW_DISTANCE_M = 30.0
"""How far a person is recognised at zoom 1."""

MAX_PRESETS = 255
MAX_CRUISES = 16
MAX_CRUISE_POINTS = 32
CRUISE_SPEED_MAX = 15
SHORTEST_STAY_S = 1
CATCH_UP_LIMIT_S = 600.0
"""A head nobody asked for longer goes on from where it would have been after so long."""


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a head points: degrees clockwise from above, degrees downwards, magnification."""

    pan: float = 0.0
    tilt: float = 0.0
    zoom: float = 1.0

    @property
    def horizontal_angle(self) -> float:
        """The width of the picture in degrees."""
        return WIDEST_HORIZONTAL / self.zoom

    @property
    def vertical_angle(self) -> float:
        """The height of the picture in degrees."""
        return WIDEST_VERTICAL / self.zoom

    def limited(self) -> "Pose":
        """The nearest pose the head can take; it turns endlessly."""
        return Pose(
            self.pan % 360.0,
            _clamp(self.tilt, TILT_MIN, TILT_MAX),
            _clamp(self.zoom, ZOOM_MIN, ZOOM_MAX),
        )


@dataclass(frozen=True, slots=True)
class Area:
    """A box drawn in a window: all in pixels, from the window's upper left corner (4.1.1)."""

    window_width: int
    window_height: int
    x: int
    y: int
    width: int
    height: int

    @property
    def is_sound(self) -> bool:
        """Whether one can compute with it."""
        return min(self.window_width, self.window_height, self.width, self.height) > 0


@dataclass(slots=True)
class Cruise:
    """A track through presets (6.3): `speed` 1 to 15, the same `stay_s` at each point."""

    name: str = ""
    points: list[int] = field(default_factory=list[int])
    speed: int = 8
    stay_s: int = 5


@dataclass(slots=True)
class Scan:
    """An automatic scan from border to border; without borders the head turns round and round."""

    left: float | None = None
    right: float | None = None
    speed: int = 40


@dataclass(frozen=True, slots=True)
class Home:
    """Where a head returns to by itself after `reset_s` without a command (看守位)."""

    is_enabled: bool = False
    reset_s: int = 0
    preset: int = 0


@dataclass(frozen=True, slots=True)
class _Drift:
    """On and on until a stop: degrees, and steps of magnification, a second."""

    pan: float
    tilt: float
    zoom: float


@dataclass(frozen=True, slots=True)
class _Journey:
    """To a pose and no further; `share` of the full speed."""

    goal: Pose
    share: float = 1.0


@dataclass(slots=True)
class _Tour:
    """A cruise under way: to the points in turn, staying at each."""

    number: int
    index: int = 0
    stays_s: float = 0.0


@dataclass(frozen=True, slots=True)
class _Sweep:
    """Between two pans, or round and round where they are None; degrees a second."""

    left: float | None
    right: float | None
    speed: float
    heading: int = 1


class Head:
    """One head with its lens, its presets, cruises, scans and switches."""

    __slots__ = (
        "_at",
        "_idle_since",
        "_lens_speed",
        "_motion",
        "_pose",
        "cruises",
        "focus",
        "home",
        "iris",
        "is_tracking",
        "presets",
        "scans",
        "switches",
    )

    def __init__(self, now: float) -> None:
        self.presets: dict[int, tuple[str, Pose]] = {}
        self.cruises: dict[int, Cruise] = {}
        self.scans: dict[int, Scan] = {}
        self.switches: set[int] = set()
        self.home: Home = Home()
        self.focus: float = LENS_STEPS / 2
        self.iris: float = LENS_STEPS / 2
        self.is_tracking: bool = False
        self._pose: Pose = Pose()
        self._motion: _Drift | _Journey | _Tour | _Sweep | None = None
        self._lens_speed: tuple[float, float] = (0.0, 0.0)
        self._at: float = now
        self._idle_since: float = now

    def pose(self, now: float) -> Pose:
        """Where it points."""
        self._advance(now)
        return self._pose

    def is_moving(self, now: float) -> bool:
        """Whether anything turns or zooms; a cruise moves while it stays at a point, too."""
        self._advance(now)
        return self._motion is not None

    def lens(self, now: float) -> tuple[int, int]:
        """Focus and iris, each 0 to `LENS_STEPS`."""
        self._advance(now)
        return round(self.focus), round(self.iris)

    # Commands

    def move(self, pan: float, tilt: float, zoom: float, now: float) -> None:
        """Turn and zoom until a stop; each -1 to 1 of full speed, right, down and in positive."""
        self._advance(now)
        if pan == tilt == zoom == 0:
            self.stop(now)
            return
        self._motion = _Drift(
            pan * PAN_SPEED_LIMIT, tilt * TILT_SPEED_LIMIT, zoom * ZOOM_SPEED_LIMIT
        )
        self._commanded(now)

    def stop(self, now: float) -> None:
        """Stop whatever moves: a movement, a cruise, a scan, tracking."""
        self._advance(now)
        self._motion = None
        self.is_tracking = False
        self._commanded(now)

    def turn_lens(self, focus: float, iris: float, now: float) -> None:
        """Turn focus (far positive) and iris (open positive); each -1 to 1, 0 stops."""
        self._advance(now)
        self._lens_speed = (focus * LENS_SPEED_LIMIT, iris * LENS_SPEED_LIMIT)

    def go_to(self, goal: Pose, now: float) -> None:
        """Point there; what lies beyond a limit stops at the limit."""
        self._advance(now)
        self._motion = _Journey(goal.limited())
        self._commanded(now)

    def set_preset(self, number: int, name: str, now: float) -> bool:
        """Remember where it points; presets are numbered 1 to 255."""
        if not 1 <= number <= MAX_PRESETS:
            return False
        known = self.presets.get(number)
        name = name or (known[0] if known else f"Preset {number}")
        self.presets[number] = (name, self.pose(now))
        return True

    def call_preset(self, number: int, now: float) -> bool:
        """Go to a preset; False where there is none."""
        preset = self.presets.get(number)
        if preset is None:
            return False
        self.go_to(preset[1], now)
        return True

    def delete_preset(self, number: int) -> None:
        """Forget a preset; cruises skip it."""
        self.presets.pop(number, None)

    def cruise(self, number: int, name: str = "") -> Cruise:
        """The cruise of that number, made where there is none and room is left."""
        found = self.cruises.get(number)
        if found is None:
            found = Cruise()
            if len(self.cruises) < MAX_CRUISES:
                self.cruises[number] = found
        found.name = name or found.name or f"Cruise {number}"
        return found

    def add_cruise_point(self, number: int, preset: int, name: str = "") -> None:
        """Add a preset to a cruise's end."""
        cruise = self.cruise(number, name)
        if 1 <= preset <= MAX_PRESETS and len(cruise.points) < MAX_CRUISE_POINTS:
            cruise.points.append(preset)

    def delete_cruise_point(self, number: int, preset: int) -> None:
        """Take a preset out of a cruise; 0 forgets the cruise."""
        if preset == 0:
            self.cruises.pop(number, None)
        elif number in self.cruises:
            points = self.cruises[number].points
            self.cruises[number].points = [each for each in points if each != preset]

    def start_cruise(self, number: int, now: float) -> bool:
        """Run a cruise until a stop; False where it has no point to go to."""
        self._advance(now)
        if not any(self._cruise_goals(number)):
            return False
        self._motion = _Tour(number)
        self._commanded(now)
        return True

    def scan(self, number: int) -> Scan:
        """The scan of that number."""
        if number not in self.scans and len(self.scans) >= MAX_CRUISES:
            return Scan()
        return self.scans.setdefault(number, Scan())

    def start_scan(self, number: int, now: float) -> None:
        """Scan until a stop."""
        self._advance(now)
        scan = self.scan(number)
        speed = _clamp(scan.speed, 1, 255) / 255 * PAN_SPEED_LIMIT
        if scan.left is None or scan.right is None:
            self._motion = _Sweep(None, None, speed)
        else:
            self._motion = _Sweep(scan.left, scan.right, speed)
        self._commanded(now)

    def set_scan_border(self, number: int, *, is_left: bool, now: float) -> None:
        """Where it points is the scan's border."""
        scan = self.scan(number)
        if is_left:
            scan.left = self.pose(now).pan
        else:
            scan.right = self.pose(now).pan

    def drag_zoom(self, area: Area, *, is_in: bool, now: float) -> bool:
        """Make the box fill the window, or the window shrink into the box (A.2.3.1.8 and 9)."""
        pose = self.pose(now)
        if not area.is_sound:
            return False
        factor = min(area.window_width / area.width, area.window_height / area.height)
        zoom = pose.zoom * factor if is_in else pose.zoom / factor
        self.go_to(replace(self._looking_at(area, pose), zoom=zoom), now)
        return True

    def track(self, area: Area | None, now: float) -> None:
        """Follow what is in the box, or what it finds by itself: a slow sway around there."""
        pose = self.pose(now)
        if area is not None and area.is_sound:
            pose = self._pose = self._looking_at(area, pose).limited()
        self._motion = _Sweep((pose.pan - 10) % 360, (pose.pan + 10) % 360, 4.0)
        self.is_tracking = True
        self._commanded(now)

    def set_home(self, home: Home, now: float) -> None:
        """Set the home position; the time until the return begins now."""
        self._advance(now)
        self.home = home
        self._idle_since = now

    # Time

    @property
    def _is_idle(self) -> bool:
        return self._motion is None

    def _commanded(self, now: float) -> None:
        self._idle_since = now

    @staticmethod
    def _looking_at(area: Area, pose: Pose) -> Pose:
        across = area.x / area.window_width - 0.5
        down = area.y / area.window_height - 0.5
        return Pose(
            pose.pan + across * pose.horizontal_angle,
            pose.tilt + down * pose.vertical_angle,
            pose.zoom,
        )

    def _advance(self, now: float) -> None:
        """Let the time pass up to `now`."""
        passed_s = now - self._at
        if passed_s <= 0:
            return
        focus, iris = self._lens_speed
        self.focus = _clamp(self.focus + focus * passed_s, 0, LENS_STEPS)
        self.iris = _clamp(self.iris + iris * passed_s, 0, LENS_STEPS)
        self._return_home(now)
        self._at = max(self._at, now - CATCH_UP_LIMIT_S)
        while not self._is_idle and self._at < now:
            self._at += self._step(now - self._at)
            if self._is_idle:
                self._idle_since = self._at
                self._return_home(now)
        self._at = now

    def _return_home(self, now: float) -> None:
        """Set out for the home position at the moment it was due."""
        home = self.home
        due_at = self._idle_since + home.reset_s
        if self._motion is not None or not home.is_enabled or due_at >= now:
            return
        preset = self.presets.get(home.preset)
        if preset is not None and preset[1] != self._pose:
            self._at = max(self._at, due_at)
            self._motion = _Journey(preset[1])

    def _step(self, left_s: float) -> float:
        """Move for at most `left_s`; how long it took until there is something else to do."""
        match self._motion:
            case _Drift(pan, tilt, zoom):
                pose = self._pose
                self._pose = Pose(
                    pose.pan + pan * left_s, pose.tilt + tilt * left_s, pose.zoom + zoom * left_s
                ).limited()
                return left_s
            case _Journey(goal, share):
                used_s = self._travel(goal, share, left_s)
                if self._pose == goal:
                    self._motion = None
                return used_s
            case _Tour() as tour:
                return self._tour(tour, left_s)
            case _Sweep() as sweep:
                return self._sweep(sweep, left_s)
            case None:
                return left_s

    def _travel(self, goal: Pose, share: float, left_s: float) -> float:
        """All three axes at once, each by the shortest way; the slowest decides."""
        pose = self._pose
        turn = (goal.pan - pose.pan + 180) % 360 - 180
        needs_s = max(
            abs(turn) / PAN_SPEED_LIMIT,
            abs(goal.tilt - pose.tilt) / TILT_SPEED_LIMIT,
            abs(goal.zoom - pose.zoom) / ZOOM_SPEED_LIMIT,
        ) / max(share, 0.01)
        if needs_s <= left_s:
            self._pose = goal
            return needs_s
        part = left_s / needs_s
        self._pose = Pose(
            pose.pan + turn * part,
            pose.tilt + (goal.tilt - pose.tilt) * part,
            pose.zoom + (goal.zoom - pose.zoom) * part,
        ).limited()
        return left_s

    def _cruise_goals(self, number: int) -> Iterator[Pose]:
        cruise = self.cruises.get(number)
        for point in cruise.points if cruise else ():
            if point in self.presets:
                yield self.presets[point][1]

    def _tour(self, tour: _Tour, left_s: float) -> float:
        goals = list(self._cruise_goals(tour.number))
        if not goals:
            self._motion = None
            return 0.0
        cruise = self.cruises[tour.number]
        goal = goals[tour.index % len(goals)]
        if self._pose != goal:
            return self._travel(goal, cruise.speed / CRUISE_SPEED_MAX, left_s)
        rest_s = max(cruise.stay_s, SHORTEST_STAY_S) - tour.stays_s
        if rest_s > left_s:
            tour.stays_s += left_s
            return left_s
        tour.index, tour.stays_s = tour.index + 1, 0.0
        return rest_s

    def _sweep(self, sweep: _Sweep, left_s: float) -> float:
        pose = self._pose
        if sweep.left is None or sweep.right is None or sweep.left == sweep.right:
            self._pose = replace(pose, pan=(pose.pan + sweep.speed * left_s) % 360)
            return left_s
        goal = sweep.right if sweep.heading > 0 else sweep.left
        way = (goal - pose.pan) % 360 if sweep.heading > 0 else (pose.pan - goal) % 360
        needs_s = way / sweep.speed
        if needs_s > left_s:
            pan = pose.pan + sweep.heading * sweep.speed * left_s
            self._pose = replace(pose, pan=pan % 360)
            return left_s
        self._pose = replace(pose, pan=goal)
        self._motion = replace(sweep, heading=-sweep.heading)
        return needs_s


def _clamp(value: float, lowest: float, highest: float) -> float:
    return min(max(value, lowest), highest)
