"""What the replicas of one training step have to agree on, in TensorFlow ops.

Every replica of a tf.distribute strategy sees its own part of the batch. What a layer learns from a
batch (its largest value, its mean and variance) has to come from all parts, else the replicas'
variables drift apart, and only the first replica's are saved. These functions are called where a
replica computes; anywhere else, and with one replica, they return what they are given.

Variables that each replica moves by equal amounts are declared with SAME_ON_ALL: every replica then
writes its own copy, and reading takes the first. What else there is fails silently: without
settings the copies are free to differ, ON_WRITE with MEAN makes a mean of maxima of a maximum, and
ON_READ with MEAN trains every replica on a range of its own.

Leaf module: imports no stage.
"""

from typing import Any

from pipeline.legacy_keras import tf

# Arguments of add_weight, for weights that are not trained by gradient.
SAME_ON_ALL: dict[str, Any] = {
    "synchronization": tf.VariableSynchronization.ON_READ,
    "aggregation": tf.VariableAggregation.ONLY_FIRST_REPLICA,
}


def count() -> int:
    """Returns the number of replicas that compute together."""
    context = tf.distribute.get_replica_context()
    return 1 if context is None else context.num_replicas_in_sync


def position() -> Any:
    """Returns which one of them computes, from 0; they hold the batch's parts in this order."""
    context = tf.distribute.get_replica_context()
    return 0 if context is None else context.replica_id_in_sync_group


def num_local() -> int:
    """Returns how many of them belong to this process; their positions follow on each other."""
    if count() == 1:
        return 1
    return len(tf.distribute.get_strategy().extended.worker_devices)


def total(x: tf.Tensor) -> tf.Tensor:
    """Returns the sum of every replica's `x`, a float of equal shape; its gradient is that sum's.

    Not for the inside of a loop or branch, where TensorFlow cannot meet the other replicas.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return x
    # The identity has a device, which an argument of the replica's function lacks.
    return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(x))


def every(x: tf.Tensor) -> tf.Tensor:
    """Returns every replica's `x` in their order, exactly: a float of shape [replicas, ...].

    As a sum of tensors that are 0 but for one row each, which takes one message where all_gather
    takes two.
    """
    if count() == 1:
        return x[tf.newaxis]
    rows = tf.scatter_nd([[position()]], x[tf.newaxis], tf.concat([[count()], tf.shape(x)], 0))
    return total(tf.ensure_shape(rows, [count(), *x.shape]))


def minimum_and_maximum(minimum: tf.Tensor, maximum: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the smallest minimum and the largest maximum of all replicas, float32 scalars."""
    ends = every(tf.stack([minimum, maximum]))
    return tf.reduce_min(ends[:, 0]), tf.reduce_max(ends[:, 1])


def local_part(x: tf.Tensor) -> tf.Tensor:
    """Returns this replica's part of its process's share of a batch.

    Args:
      x: [n, ...], the same on all replicas of the process; n is a multiple of their number.
    """
    num_parts = num_local()
    if num_parts == 1:
        return x
    with tf.device("/cpu:0"):  # A GPU gets its part, not the whole.
        size = tf.shape(x)[0] // num_parts
        start = position() % num_parts * size
        return x[start : start + size]
