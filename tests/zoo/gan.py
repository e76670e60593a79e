"""A GAN of the zoo, trained by a loop of its own."""

import numpy as np

import triceras as keras
from triceras import layers, ops


class GAN(keras.Model):
    """Points on a circle from noise: Goodfellow et al., 2014. It only holds its parts together."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.generator = keras.Sequential([keras.Input((3,)), layers.Dense(8, activation="relu"), layers.Dense(2)])
        self.critic = keras.Sequential(
            [keras.Input((2,)), layers.Dense(8), layers.LeakyReLU(0.2), layers.Dropout(0.2), layers.Dense(1)]
        )
        self.seed_generator = keras.random.SeedGenerator(4)

    def call(self, noise):
        return self.generator(noise)


def gan():
    """The model, whose optimizers move along, and a function that takes three steps."""
    model = GAN()
    optimizers = [keras.optimizers.Adam(0.02, beta_1=0.5), keras.optimizers.Adam(0.01, beta_1=0.5)]
    for optimizer, part in zip(optimizers, (model.critic, model.generator), strict=True):
        optimizer.build(part.trainable_variables)
    angles = np.random.RandomState(6).rand(8, 1) * 6.3
    real = np.concatenate([np.cos(angles), np.sin(angles)], axis=1).astype("float32")
    loss = keras.losses.BinaryCrossentropy(from_logits=True)

    def fake():
        return model.generator(keras.random.normal((8, 3), seed=model.seed_generator), training=True)

    def step(points):
        def critic_loss():
            judged = model.critic(ops.concatenate([points, fake()]), training=True)
            return loss(ops.concatenate([ops.ones((8, 1)), ops.zeros((8, 1))]), judged)

        def generator_loss():
            return loss(ops.ones((8, 1)), model.critic(fake(), training=True))

        values = []
        losses = (critic_loss, generator_loss)
        for optimizer, part, loss_of in zip(optimizers, (model.critic, model.generator), losses, strict=True):
            value, gradients = keras.value_and_grad(loss_of, part.trainable_variables)()
            optimizer.apply(gradients, part.trainable_variables)
            values.append(value)
        return values

    def train():
        for optimizer in optimizers:
            optimizer.to_backend(model.backend.name)
        with keras.use_backend(model.backend.name):
            compiled = keras.jit(step)
            points = ops.convert_to_tensor(real)
            return np.array([[float(value) for value in compiled(points)] for _ in range(3)])

    return model, train
