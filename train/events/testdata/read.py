"""Prints the scalars of a folder of event files as TensorBoard understands them."""
import sys

from tensorboard.backend.event_processing import event_accumulator as ea
from tensorboard.version import VERSION
acc = ea.EventAccumulator(sys.argv[1]); acc.Reload()
print("tensorboard", VERSION)
for tag in acc.Tags()["scalars"]:
    print(tag, [(e.step, round(e.value,6), e.wall_time) for e in acc.Scalars(tag)])
print("version", acc.file_version)
