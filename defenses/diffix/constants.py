"""The numbers of Diffix-Birch, in one place: later versions of Diffix differ in them."""

LOW_COUNT_FLOOR = 2  # users; smaller buckets are always suppressed (§5.3)
LOW_COUNT_MEAN = 4.0
LOW_COUNT_SD = 0.5

THRESHOLD_FLOOR = 2  # users in groups 1 and 2 of an aggregate (§5.4)
THRESHOLD_MEAN = 4.0
THRESHOLD_SD = 0.5  # of the summed layers' unit noise
THRESHOLD_DEVIATIONS = 8.0  # beyond so many standard deviations the largest contributions are not fetched

EXTREME_NOISE = 1 / 8  # of N_b times the standard deviation of the averaged values (§5.5.2)

SHRINK_FLOOR = 2  # users taken off the ends of a range; of the thread on shrink-and-drop, not of the paper
SHRINK_MEAN = 5.0
SHRINK_SD = 1.0
