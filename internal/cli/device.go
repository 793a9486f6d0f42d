package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/device"
	"github.com/primer-lm/primer/train"
)

func deviceFlag(cmd *cobra.Command, name *string) {
	cmd.Flags().StringVar(name, "device", "cpu", "device to compute on: "+strings.Join(device.Names(), ", "))
	completes(cmd, "device", device.Names)
}

// openDevice opens a device; an absent one is an error that lists what there is.
func openDevice(name string) (kernels.Backend, error) {
	b, err := device.Open(name)
	return b, deviceError(name, err)
}

// deviceError adds to an error of opening a device what there is; other errors stay as they are.
func deviceError(name string, err error) error {
	switch {
	case !errors.Is(err, kernels.ErrNoDevice):
		return err
	case strings.Contains(err.Error(), "there are"):
		return fmt.Errorf("--device %s: %w", name, err)
	}
	return fmt.Errorf("--device %s: %w; there are %s", name, err, strings.Join(device.Names(), ", "))
}

// gemmPeak measures what matrix products can reach on a device, for runs that are long enough (in FLOPs) to spend half a second on
// it; 0 where it is not known.
func gemmPeak(b kernels.Backend, math string, flops float64) (float64, error) {
	const worthIt = 2e12
	meter, ok := b.(kernels.PeakMeter)
	if !ok || flops < worthIt {
		return 0, nil
	}
	peaks, err := meter.MeasurePeaks()
	if err != nil {
		return 0, fmt.Errorf("measuring the device: %w", err)
	}
	if math == train.MathBF16 && peaks.GEMM16 > 0 {
		return peaks.GEMM16, nil
	}
	return peaks.GEMM32, nil
}

// completes offers the values of a flag to the shell.
func completes(cmd *cobra.Command, flag string, values func() []string) {
	err := cmd.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return values(), cobra.ShellCompDirectiveNoFileComp
	})
	if err != nil {
		panic("cli: completion for a flag that is not there, or twice")
	}
}
