"""What each process of a job runs: `worker.py MODEL FOLDER` trains, saves, and tells what it found."""

import os
import sys

import numpy as np

import triceras as keras
from tests.distribution import models
from triceras import distribution as dist


def main(name, folder):
    dist.initialize()
    dist.set_distribution(dist.DataParallel())
    model, history = models.trained(name)
    x, y = models.data(model)
    model.fit(x, y, batch_size=models.BATCH, verbose=2)
    model.save(os.path.join(folder, "model.keras"))
    found = {f"weight_{i}": w for i, w in enumerate(model.get_weights())}
    rank = os.environ["RANK"]
    predictions = model.predict(x, verbose=0)
    np.savez(os.path.join(folder, f"{rank}.npz"), loss=history["loss"], predictions=predictions, **found)
    print("devices:", dist.get_device_count(), "of", keras.config.backend(), flush=True)


main(*sys.argv[1:])
