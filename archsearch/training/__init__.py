"""Real training, short or full: what trains a net, and what it is told to do."""

from archsearch.training.failures import Diverged as Diverged
from archsearch.training.failures import TimeLimit as TimeLimit
from archsearch.training.failures import TrainingFailed as TrainingFailed
from archsearch.training.images import DeviceImages as DeviceImages
from archsearch.training.images import batch_of as batch_of
from archsearch.training.images import batches_per_epoch as batches_per_epoch
from archsearch.training.loop import Epoch as Epoch
from archsearch.training.loop import Trained as Trained
from archsearch.training.loop import Training as Training
from archsearch.training.loop import train as train
from archsearch.training.recipe import Recipe as Recipe
from archsearch.training.recipe import learning_rate as learning_rate
