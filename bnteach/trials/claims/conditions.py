"""Conditions under which the eighteen claims are tried: settings of the experiments."""

PLAIN = {"batch_norm": False}
BOTH = {"ReLU": {}, "tanh": {"activation": "tanh"}}
SIGMOID = {"activation": "sigmoid", "init_scale": 4, "learning_rate": 0.3}
NETWORKS = {
    "ReLU, 3 layers": {},
    "tanh, 3 layers": {"activation": "tanh"},
    "sigmoid, 3 layers": SIGMOID,
    "ReLU, 8 layers": {"layers": 8},
    "tanh, 8 layers": {"activation": "tanh", "layers": 8},
}
TASKS = {
    "all digits": {},
    "wrong labels": {"samples": 400, "wrong": 0.2},
    "noisy pixels": {"samples": 200, "pixel_noise": 0.5},
}
UNTIL = {task: {**TASKS[task], "level": level} for task, level in zip(TASKS, (99, 90, 99), strict=True)}
WITH_DROPOUT = {
    "ReLU, 3 layers": {},
    "tanh, 3 layers": {"activation": "tanh"},
    "ReLU, 5 layers": {"layers": 5},
    "sigmoid, 3 layers": {"activation": "sigmoid"},
    "ReLU, 5 layers, 1000 steps": {"layers": 5, "steps": 1000},
    "sigmoid, 1000 steps": {"activation": "sigmoid", "steps": 1000},
}
PLACES = {
    "ReLU, 3 layers": {},
    "ReLU, 8 layers": {"layers": 8},
    "ReLU, 100 pictures": {"samples": 100},
    "sigmoid, 3 layers": {"activation": "sigmoid"},
    "sigmoid, 600 steps": {"activation": "sigmoid", "steps": 600},
}
STARTS = {"biases from N(0, 1)": "normal", "PyTorch's default": "default", "biases at 0": "zero"}
