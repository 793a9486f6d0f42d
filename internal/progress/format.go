package progress

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Count formats a number of things, or of things per second, with three digits and a decimal unit: 950, 41.2k, 1.30B.
func Count[N int | int32 | int64 | uint64 | float32 | float64](n N) string {
	return scaled(float64(n), 1000, [...]string{"", "k", "M", "B", "T", "P"})
}

// Bytes formats a size in binary units: 512 B, 1.50 GiB.
func Bytes(n int64) string {
	return scaled(float64(n), 1024, [...]string{" B", " KiB", " MiB", " GiB", " TiB", " PiB"})
}

// scaled gives x in the unit that leaves fewer than four digits before the point, as far as there are units.
func scaled(x, base float64, units [6]string) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return strconv.FormatFloat(x, 'g', -1, 64)
	}
	if x < 0 {
		return "-" + scaled(-x, base, units)
	}
	unit := 0
	for x >= base-0.5 && unit < len(units)-1 { // 999.7 is 1.00k, not 1000
		x /= base
		unit++
	}
	if unit == 0 && x == math.Trunc(x) {
		return fmt.Sprintf("%.0f%s", x, units[0])
	}
	return digits(x) + units[unit]
}

// digits writes three of them: 1.23, 12.3, 123, and all of 1000 and more.
func digits(x float64) string {
	for decimals, limit := range []float64{9.995, 99.95} {
		if x < limit {
			return strconv.FormatFloat(x, 'f', 2-decimals, 64)
		}
	}
	return strconv.FormatFloat(x, 'f', 0, 64)
}

// Percent formats a share: 0.4% below ten percent, 12% above.
func Percent(share float64) string {
	if p := share * 100; p < 9.95 {
		return strconv.FormatFloat(p, 'f', 1, 64) + "%"
	}
	return strconv.FormatFloat(math.Floor(share*100+1e-9), 'f', 0, 64) + "%" // 100% only when all is done
}

// Duration formats a time in its two largest units: 0.42s, 9.5s, 48s, 3m07s, 2h05m, 4d03h.
func Duration(d time.Duration) string {
	if d < 0 {
		return "-" + Duration(-d)
	}
	if d < 995*time.Millisecond {
		return strconv.FormatFloat(d.Seconds(), 'f', 2, 64) + "s"
	}
	if d < 9950*time.Millisecond {
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + "s"
	}
	s := int64(d.Round(time.Second) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 24*3600:
		return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
	}
	return fmt.Sprintf("%dd%02dh", s/86400, s/3600%24)
}
