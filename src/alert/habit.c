/* A ring of hours a program. What is usual for the hour at hand is worked out once, at its first
 * call. */
#include "alert/habit.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/lru.h"

#define HOUR_NS      (3600 * NS_PER_SEC)
#define SAMPLES_NEAR 7
#define SAMPLES_ALL  24
#define MADS         9 /* 6 x 1.4826, rounded up */

struct hour {
	uint32_t calls;
	int64_t spent_pico;
};

struct habit {
	struct habit_program program;
	int64_t hour; /* the newest of the ring; its place is hour % HABIT_HOURS */
	struct hour hours[HABIT_HOURS];
	struct habit_view view; /* of that hour */
	int64_t calls_max, spent_max;
	int64_t next_ns;   /* when the next call of a throttled program may be made */
	bool is_stale;     /* what is usual is not of this hour */
	int64_t owed_from; /* the ledger lacks this hour and those after it; INT64_MAX = none */
};

struct habits {
	struct lru programs;
};

struct habits *habits_new(void)
{
	struct habits *habits = calloc(1, sizeof(*habits));

	if (habits)
		habits->programs =
		    lru_of(sizeof(struct habit_program), sizeof(struct habit), HABIT_PROGRAMS_MAX);
	return habits;
}

void habits_free(struct habits *habits)
{
	if (!habits)
		return;
	lru_done(&habits->programs);
	free(habits);
}

/* --- what is usual */

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int64_t median(int64_t *values, unsigned n)
{
	qsort(values, n, sizeof(*values), by_size);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* Leaves the values changed. */
static int64_t limit_of(int64_t *values, unsigned n, int64_t floor, int64_t *ret_usual)
{
	int64_t usual = median(values, n), room;

	for (unsigned i = 0; i < n; i++)
		values[i] = llabs(values[i] - usual);
	room = MADS * median(values, n);
	if (room < usual)
		room = usual;
	if (room < floor)
		room = floor;
	*ret_usual = usual;
	return usual + room;
}

static bool is_near(int64_t hour, int64_t other)
{
	int64_t apart = (hour - other) % 24;

	return apart <= 1 || apart == 23;
}

static unsigned collect(const struct habit *habit, bool near, int64_t *calls, int64_t *spent)
{
	unsigned n = 0;

	for (int64_t back = 1; back < HABIT_HOURS; back++) {
		const struct hour *hour = &habit->hours[(habit->hour - back) % HABIT_HOURS];

		if (!hour->calls || (near && !is_near(habit->hour, habit->hour - back)))
			continue;
		calls[n] = hour->calls;
		spent[n++] = hour->spent_pico;
	}
	return n;
}

static void begin_hour(struct habit *habit)
{
	int64_t calls[HABIT_HOURS], spent[HABIT_HOURS], usual_calls;
	unsigned n = collect(habit, true, calls, spent);

	habit->view = (struct habit_view){ .is_known = true };
	if (n < SAMPLES_NEAR) {
		n = collect(habit, false, calls, spent);
		habit->view.is_known = n >= SAMPLES_ALL;
	}
	if (!habit->view.is_known)
		return;
	habit->calls_max = limit_of(calls, n, HABIT_CALLS_FLOOR, &usual_calls);
	habit->view.usual_calls = (uint32_t)usual_calls;
	habit->spent_max = limit_of(spent, n, HABIT_SPEND_FLOOR, &habit->view.usual_spent_pico);
}

/* --- programs and hours */

static struct habit_program key_of(uint32_t uid, const char *exe)
{
	struct habit_program key;

	memset(&key, 0, sizeof(key)); /* the hash looks at every byte */
	key.uid = uid;
	span_copy(span_of(exe), key.exe, sizeof(key.exe));
	return key;
}

static struct habit *use(struct habits *habits, const struct habit_program *key, int64_t hour)
{
	bool is_new;
	struct habit *habit = lru_use(&habits->programs, key, &is_new);

	if (habit && is_new) {
		habit->hour = hour;
		habit->is_stale = true;
		habit->owed_from = INT64_MAX;
	}
	return habit;
}

/* A clock that went back: what comes counts for the newest hour. */
static void turn(struct habit *habit, int64_t hour)
{
	for (int64_t i = 1; i <= HABIT_HOURS && i <= hour - habit->hour; i++)
		habit->hours[(habit->hour + i) % HABIT_HOURS] = (struct hour){ 0 };
	habit->is_stale |= hour > habit->hour;
	if (hour > habit->hour)
		habit->hour = hour;
	if (habit->owed_from <= hour - HABIT_HOURS)
		habit->owed_from = hour - HABIT_HOURS + 1;
}

void habits_restore(struct habits *habits, const struct habit_hour *row)
{
	struct habit *habit = use(habits, &row->program, row->hour);

	if (!habit)
		return;
	turn(habit, row->hour);
	if (habit->hour - row->hour >= HABIT_HOURS)
		return;
	habit->hours[row->hour % HABIT_HOURS] =
	    (struct hour){ .calls = row->calls, .spent_pico = row->spent_pico };
	habit->is_stale = true;
}

/* --- calls */

static bool judge(struct habit *habit)
{
	const struct hour *hour = &habit->hours[habit->hour % HABIT_HOURS];
	struct habit_view *view = &habit->view, before = *view;

	view->calls = hour->calls;
	view->spent_pico = hour->spent_pico;
	view->by_calls |= view->is_known && hour->calls > habit->calls_max;
	view->by_spend |= view->is_known && hour->spent_pico > habit->spent_max;
	return view->by_calls != before.by_calls || view->by_spend != before.by_spend;
}

static void refresh(struct habit *habit, int64_t now_ns)
{
	turn(habit, now_ns / HOUR_NS);
	if (!habit->is_stale)
		return;
	begin_hour(habit);
	judge(habit);
	habit->is_stale = false;
}

bool habits_take(struct habits *habits, const struct charge *charge, int64_t now_ns,
		 struct habit_view *ret_view)
{
	const struct process *process = &charge->usage.process;
	struct habit_program key = key_of(process->uid, process->exe);
	struct habit *habit;
	struct hour *hour;

	if (!key.exe[0])
		return false;
	habit = use(habits, &key, now_ns / HOUR_NS);
	if (!habit)
		return false;
	refresh(habit, now_ns);
	hour = &habit->hours[habit->hour % HABIT_HOURS];
	hour->calls += !charge->usage.beside && hour->calls < UINT32_MAX;
	if (charge->source != COST_UNPRICED &&
	    __builtin_add_overflow(hour->spent_pico, charge->cost_pico, &hour->spent_pico))
		hour->spent_pico = INT64_MAX;
	if (habit->owed_from > habit->hour)
		habit->owed_from = habit->hour;
	if (!judge(habit))
		return false;
	*ret_view = habit->view;
	return true;
}

static struct habit *of_process(const struct habits *habits, const struct process *process,
				int64_t now_ns)
{
	struct habit_program key = key_of(process->uid, process->exe);
	struct habit *habit = lru_find(&habits->programs, &key);

	if (habit)
		refresh(habit, now_ns);
	return habit;
}

bool habits_view(struct habits *habits, const struct process *process, int64_t now_ns,
		 struct habit_view *ret_view)
{
	const struct habit *habit = of_process(habits, process, now_ns);

	if (habit)
		*ret_view = habit->view;
	return habit != NULL;
}

int64_t habits_wait_ns(struct habits *habits, const struct process *process, int64_t now_ns)
{
	struct habit *habit = of_process(habits, process, now_ns);

	if (!habit || !(habit->view.by_calls || habit->view.by_spend))
		return 0;
	if (now_ns < habit->next_ns && habit->next_ns - now_ns <= HOUR_NS)
		return habit->next_ns - now_ns;
	habit->next_ns = now_ns + HOUR_NS / (habit->view.usual_calls ?: 1);
	return 0;
}

static unsigned owed(struct habit *habit, struct habit_hour *hours, unsigned max)
{
	unsigned n = 0;

	for (; habit->owed_from <= habit->hour && n < max; habit->owed_from++) {
		const struct hour *hour = &habit->hours[habit->owed_from % HABIT_HOURS];

		if (hour->calls)
			hours[n++] = (struct habit_hour){ .program = habit->program,
							  .hour = habit->owed_from,
							  .calls = hour->calls,
							  .spent_pico = hour->spent_pico };
	}
	if (habit->owed_from > habit->hour)
		habit->owed_from = INT64_MAX;
	return n;
}

unsigned habits_owed(struct habits *habits, struct habit_hour *hours, unsigned max)
{
	struct habit *habit = lru_next(&habits->programs, NULL);
	unsigned n = 0;

	for (; habit && n < max; habit = lru_next(&habits->programs, habit))
		if (habit->owed_from != INT64_MAX)
			n += owed(habit, hours + n, max - n);
	return n;
}
