"""The studies: what was measured or drawn, and the words around it."""

# ruff: noqa: E501

from __future__ import annotations

from benchmarks.papers.studies import Measure, Study, Trial, Words, drawn, recorded

ADAM = ("article", "Adam: A Method for Stochastic Optimization", "Kingma, Diederik P. and Ba, Jimmy", 2014)  # fmt: skip
DROPOUT = ("article", "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", "Srivastava, Nitish and Hinton, Geoffrey and Krizhevsky, Alex", 2014)  # fmt: skip
ATTENTION = ("inproceedings", "Attention Is All You Need", "Vaswani, Ashish and Shazeer, Noam and Parmar, Niki", 2017)  # fmt: skip
FASHION = ("article", "{Fashion-MNIST}: a Novel Image Dataset for Benchmarking Machine Learning Algorithms", "Xiao, Han and Rasul, Kashif and Vollgraf, Roland", 2017)  # fmt: skip
ALEXNET = ("inproceedings", "{ImageNet} Classification with Deep Convolutional Neural Networks", "Krizhevsky, Alex and Sutskever, Ilya and Hinton, Geoffrey E.", 2012)  # fmt: skip
ROTATION = ("inproceedings", "Unsupervised Representation Learning by Predicting Image Rotations", "Gidaris, Spyros and Singh, Praveer and Komodakis, Nikos", 2018)  # fmt: skip
QUINE = ("inproceedings", "Neural Network Quine", "Chang, Oscar and Lipson, Hod", 2018)
LOTTERY = ("inproceedings", "The Lottery Ticket Hypothesis: Finding Sparse, Trainable Neural Networks", "Frankle, Jonathan and Carbin, Michael", 2019)  # fmt: skip
MAGNITUDE = ("article", "To Prune, or Not to Prune: Exploring the Efficacy of Pruning for Model Compression", "Zhu, Michael and Gupta, Suyog", 2017)  # fmt: skip
DDPM = ("inproceedings", "Denoising Diffusion Probabilistic Models", "Ho, Jonathan and Jain, Ajay and Abbeel, Pieter", 2020)  # fmt: skip
SCORE = ("inproceedings", "Score-Based Generative Modeling through Stochastic Differential Equations", "Song, Yang and Sohl-Dickstein, Jascha", 2021)  # fmt: skip
GROKKING = ("article", "Grokking: Generalization Beyond Overfitting on Small Algorithmic Datasets", "Power, Alethea and Burda, Yuri and Edwards, Harri", 2022)  # fmt: skip
ADAMW = ("inproceedings", "Decoupled Weight Decay Regularization", "Loshchilov, Ilya and Hutter, Frank", 2019)  # fmt: skip
BLEU = ("inproceedings", "{BLEU}: a Method for Automatic Evaluation of Machine Translation", "Papineni, Kishore and Roukos, Salim and Ward, Todd and Zhu, Wei-Jing", 2002)  # fmt: skip
BOOST = ("inproceedings", "{XGBoost}: A Scalable Tree Boosting System", "Chen, Tianqi and Guestrin, Carlos", 2016)  # fmt: skip
UNET = ("inproceedings", "{U-Net}: Convolutional Networks for Biomedical Image Segmentation", "Ronneberger, Olaf and Fischer, Philipp and Brox, Thomas", 2015)  # fmt: skip
FCN = ("inproceedings", "Fully Convolutional Networks for Semantic Segmentation", "Long, Jonathan and Shelhamer, Evan and Darrell, Trevor", 2015)  # fmt: skip
PPO = ("article", "Proximal Policy Optimization Algorithms", "Schulman, John and Wolski, Filip and Dhariwal, Prafulla", 2017)  # fmt: skip
DQN = ("article", "Human-Level Control through Deep Reinforcement Learning", "Mnih, Volodymyr and Kavukcuoglu, Koray and Silver, David", 2015)  # fmt: skip

ACCURACY = Measure("test_accuracy", "test accuracy", "Test acc.", "%")
LOSS = Measure("test_loss", "test loss", "Test loss", "", "lower", 3)
SECONDS = Measure("train_seconds", "training time", "Train", "s", "lower", 1)


def all_studies() -> list[Study]:
    """Those of real runs, then those that are drawn."""
    return [
        lateral_inhibition(), rotation_pretraining(), goal_before_replication(),
        beyond_ninety_five(), dual_scale(), adaptive_block(), weight_init(), subword_mixing(),
        feature_gates(), boundary_loss(), reward_shaping(),
    ]  # fmt: skip


def lateral_inhibition() -> Study:
    """Of a real sweep: eight seeds a run."""
    return Study(
        "lateral_inhibition",
        Words(
            "Do Channels That Inhibit Each Other Help a Small Classifier?",
            "lateral inhibition",
            "Small convolutional networks confuse garments that share an outline.",
            "Each channel of the first block is held down by the local mean of the others.",
            "Normalisation across channels was part of early image classifiers {0}, and our data "
            "set was made for small models {1}. We train with Adam {2}.",
            "The network has three convolutional blocks and 116,784 parameters. We train for 6 "
            "epochs with a batch size of 128 and a peak learning rate of 0.3.",
            "We looked at one strength of inhibition and one size of the surround.",
            "the rectification after the subtraction",
            "CIFAR-100",
        ),
        (
            ACCURACY,
            LOSS,
            Measure("val_accuracy", "validation accuracy", "Val. acc.", "%"),
            SECONDS,
            Measure("inference_us", "inference time", "Inference", "µs", "lower", 1),
        ),
        {
            "run_0": Trial("Baseline", "the baseline", "Baseline results."),
            "run_1": Trial(
                "Inhibition",
                "inhibition",
                "Each unit loses half the local mean of the other channels.",
            ),
            "run_2": Trial(
                "Another image's surround",
                "the surround of another image",
                "Control: what is subtracted belongs to another image of the batch.",
            ),
        },
        recorded("lateral_inhibition"),
        {("run_1", "test_accuracy"): 88.4375, ("run_1", "test_loss"): 0.412913},
        {"batch_size": 128, "epochs": 6, "peak_lr": 0.3, "strength": 0.5, "surround": 5},
        {"krizhevsky2012imagenet": ALEXNET, "xiao2017fashion": FASHION, "kingma2014adam": ADAM},
        pictures={
            "accuracy_vs_cost.png": ("", "test accuracy against training time"),
            "errors_run_1.png": ("run_1", "which classes are confused"),
            "errors_run_2.png": ("run_2", "which classes are confused"),
        },
    )


def rotation_pretraining() -> Study:
    """Of a real sweep: eight seeds a run."""
    return Study(
        "rotation_pretraining",
        Words(
            "Telling Quarter Turns Apart Before Learning Clothes",
            "rotation pretraining",
            "Labels are dear, and a pretext task may stand in for some of them.",
            "The first 30 % of the steps go into telling quarter turns of the images apart.",
            "Predicting rotations is a known pretext task {0}. The data set is Fashion-MNIST {1}, "
            "and dropout {2} is the regulariser of our baseline.",
            "Of 30 % of the steps the target is one of 4 rotations; the batch size is 128, the "
            "optimiser is SGD with momentum 0.9.",
            "The share of pretext steps was fixed in advance.",
            "the shared trunk",
            "SVHN",
        ),
        (
            ACCURACY,
            LOSS,
            Measure("val_accuracy", "validation accuracy", "Val. acc.", "%"),
            SECONDS,
        ),
        {
            "run_0": Trial("Baseline", "the baseline", "Baseline results."),
            "run_1": Trial(
                "Rotations",
                "rotation pretraining",
                "The first 30 % of the steps tell quarter turns apart.",
            ),
            "run_2": Trial(
                "Random targets",
                "the control with random targets",
                "Control: the target is a number drawn once for each image.",
            ),
        },
        recorded("rotation_pretraining"),
        {("run_1", "test_accuracy"): 86.9125, ("run_1", "test_loss"): 0.398111},
        {"batch_size": 128, "epochs": 6, "momentum": 0.9, "pretext_share": 0.3},
        {
            "gidaris2018unsupervised": ROTATION,
            "xiao2017fashion": FASHION,
            "srivastava2014dropout": DROPOUT,
        },
        pictures={
            "validation_curves.png": ("", "validation accuracy over training steps"),
            "confusion_run_1.png": ("run_1", "the confusion matrix"),
            "confusion_run_2.png": ("run_2", "the confusion matrix"),
        },
    )


def goal_before_replication() -> Study:
    """Of a real sweep: two seeds a run, and values below zero."""
    return Study(
        "goal_before_replication",
        Words(
            "Order of Goals in Networks of Self-Replicating Particles",
            "replication last",
            "Particles of a network can be asked to solve a task and to copy themselves.",
            "Replication is asked for only in the second half of the steps, or only in the first.",
            "Networks that output their own weights are called quines {0}. All networks are "
            "trained with Adam {1}, and sparse subnetworks are a related subject {2}.",
            "An organism has 64 particles and is trained for 6,000 steps at a learning rate of "
            "0.01 on handwritten digits.",
            "Slow ramps of the weight of replication were left for later.",
            "the filler task",
            "MNIST-1M",
        ),
        (
            Measure("self_replicators", "number of self-replicators", "Self-repl.", "", "higher", 1),
            ACCURACY, LOSS,
            Measure("drop_random", "drop by random dropout", "Drop (rand.)", "", "higher", 2),
            Measure("replicator_auc", "replicator AUC", "AUC", "", "higher", 3),
        ),
        {
            "run_0": Trial("Baseline", "the baseline", "Baseline results."),
            "run_1": Trial("Replication last", "replication last",
                           "The goal first: replication only in the second half of the steps."),
            "run_2": Trial("Replication first", "replication first",
                           "The goal last: replication only in the first half of the steps."),
        },
        recorded("goal_before_replication"),
        {("run_1", "self_replicators"): 71.5, ("run_2", "test_accuracy"): 89.4444},
        {"particles": 64, "steps": 6000, "learning_rate": 0.01},
        {"chang2018neural": QUINE, "kingma2014adam": ADAM, "frankle2019lottery": LOTTERY},
        pictures={
            "membership_over_time.png": ("", "the share of self-replicators over time"),
            "dropout_run_1.png": ("run_1", "accuracy after dropout"),
            "dropout_run_2.png": ("run_2", "accuracy after dropout"),
        },
    )  # fmt: skip


def beyond_ninety_five() -> Study:
    """Of a real sweep: two seeds a run."""
    return Study(
        "beyond_ninety_five",
        Words(
            "Gene Networks for Pruning at Extreme Sparsity",
            "98 % sparsity",
            "At extreme sparsity, which synapses survive decides what a network can do.",
            "The masks of a gene-regulated pruning rule are compared at two more sparsities.",
            "Gradual magnitude pruning {0} is the usual rule. Lottery tickets {1} are found by "
            "iterating it. Weights are trained with Adam {2}.",
            "Networks have 2 hidden layers of 64 units, masks are updated every 20 steps, and the "
            "faces have 12 conditions.",
            "Both added sparsities share their pool of trained networks.",
            "the repression between units",
            "AffectNet",
        ),
        (
            ACCURACY,
            Measure("macro_f1", "macro F1", "Macro F1", "%"),
            Measure("valence_r2", "valence R2", "Valence $R^2$", "", "higher", 3),
            Measure("churn", "churn", "Churn", "%", "lower", 2),
            Measure("dead_units", "number of dead units", "Dead units", "", "lower", 1),
            SECONDS,
        ),
        {
            "run_0": Trial("Baseline", "the baseline", "Baseline results, at 90 % sparsity."),
            "run_1": Trial("98 % sparsity", "98 % sparsity", "All rules compared at 0.98."),
            "run_2": Trial("99 % sparsity", "99 % sparsity", "All rules compared at 0.99."),
        },
        recorded("beyond_ninety_five"),
        {("run_1", "test_accuracy"): 58.9167, ("run_2", "macro_f1"): 41.3021},
        {"hidden_layers": 2, "units": 64, "update_every": 20, "conditions": 12},
        {"zhu2017prune": MAGNITUDE, "frankle2019lottery": LOTTERY, "kingma2014adam": ADAM},
        pictures={
            "accuracy_against_sparsity.png": ("", "test accuracy at each sparsity"),
            "mask_churn_run_1.png": ("run_1", "how many synapses change at each update"),
            "mask_churn_run_2.png": ("run_2", "how many synapses change at each update"),
        },
    )


def dual_scale() -> Study:
    """Drawn in the shape of 2d_diffusion: four data sets, one seed, means alone."""
    datasets = ("circle", "dino", "line", "moons")
    levels = {
        "run_0": (0.66, 40.2, 0.141, 0.353), "run_1": (0.63, 58.9, 0.208, 0.301),
        "run_2": (0.648, 59.4, 0.211, 0.322), "run_3": (0.641, 66.1, 0.215, 0.339),
    }  # fmt: skip
    keys = ("eval_loss", "training_time", "inference_time", "kl_divergence")
    spreads = (0.006, 0.8, 0.004, 0.008)
    return Study(
        "dual_scale",
        Words(
            "Dual-Scale Denoising for Low-Dimensional Diffusion",
            "the dual-scale denoiser",
            "Diffusion models must catch global structure and local detail at once.",
            "Two branches look at the input at two scales, and a learned weight mixes them.",
            "Diffusion models {0} have been understood as score-based models {1}. Adam {2} is our "
            "optimiser.",
            "Each branch has 3 hidden layers of width 256. We train for 10,000 steps with a batch "
            "size of 256, a learning rate of 3e-4 and 100 denoising steps.",
            "Two-dimensional data say little about images.",
            "the global branch",
            "spirals",
        ),
        (
            Measure("kl_divergence", "KL divergence", "KL", "", "lower", 3),
            Measure("eval_loss", "evaluation loss", "Eval. loss", "", "lower", 3),
            Measure("training_time", "training time", "Train time", "s", "lower", 1),
            Measure("inference_time", "inference time", "Inf. time", "s", "lower", 3),
        ),
        {
            "run_0": Trial("Baseline", "the baseline", "Baseline results."),
            "run_1": Trial("Dual-scale", "the dual-scale denoiser", "Two branches, equal weights."),
            "run_2": Trial("Learned weighting", "the variant with a learned weighting",
                           "The weight of the two branches is learned."),
            "run_3": Trial("Deeper weighting", "the variant with a deeper weighting network",
                           "The network that gives the weight has two more layers."),
        },
        drawn("dual_scale", 1, datasets, {
            run: {key: (mean, spread) for key, mean, spread in zip(keys, each, spreads, strict=True)}
            for run, each in levels.items()
        }),
        {("run_1", "kl_divergence"): 0.4127, ("run_2", "eval_loss"): 0.7012},
        {"train_batch_size": 256, "learning_rate": 3e-4, "num_train_steps": 10000,
         "num_timesteps": 100, "hidden_layers": 3, "hidden_size": 256},
        {"ho2020denoising": DDPM, "song2021score": SCORE, "kingma2014adam": ADAM},
        "means",
        {
            "kl_divergence.png": ("", "the KL divergence of all runs"),
            "samples_run_1.png": ("run_1", "generated samples"),
            "samples_run_2.png": ("run_2", "generated samples"),
            "samples_run_3.png": ("run_3", "generated samples"),
        },
    )  # fmt: skip


def adaptive_block() -> Study:
    """Drawn in the shape of nanoGPT: three data sets, three seeds, keys with `_mean`."""
    datasets = ("shakespeare_char", "enwik8", "text8")
    levels: dict[str, dict[str, tuple[float, float]]] = {
        "run_0": {"final_train_loss": (0.812, 0.004), "best_val_loss": (1.467, 0.003),
                  "total_train_time": (252.3, 1.1), "avg_inference_tokens_per_second": (411.0, 3.0)},
        "run_1": {"final_train_loss": (0.797, 0.004), "best_val_loss": (1.442, 0.003),
                  "total_train_time": (291.7, 1.4), "avg_inference_tokens_per_second": (352.0, 3.0)},
        "run_2": {"final_train_loss": (0.809, 0.004), "best_val_loss": (1.4655, 0.004),
                  "total_train_time": (288.2, 1.2), "avg_inference_tokens_per_second": (349.0, 3.0)},
    }  # fmt: skip
    return Study(
        "adaptive_block",
        Words(
            "Adaptive Block Weights in Character-Level Language Models",
            "adaptive block weighting",
            "Residual blocks of a transformer contribute alike, whatever the context asks for.",
            "Each block is weighted by a small gate that reads the mean of its input.",
            "Transformers {0} are stacks of residual blocks; dropout {1} and decoupled weight "
            "decay {2} keep them from overfitting.",
            "The model has 6 layers, 6 heads and an embedding of 384 dimensions; it is trained for "
            "5,000 iterations with a block size of 256 and a dropout of 0.2.",
            "Larger models were out of our reach.",
            "the layer normalisation of the gate",
            "WikiText-103",
        ),
        (
            Measure("best_val_loss", "validation loss", "Val. loss", "", "lower", 3),
            Measure("final_train_loss", "training loss", "Train loss", "", "lower", 3),
            Measure("total_train_time", "training time", "Train time", "s", "lower", 1),
            Measure("avg_inference_tokens_per_second", "inference speed", "Tokens/s",
                    "tokens/s", "higher", 1),
        ),
        {
            "run_0": Trial("Baseline", "the baseline", "Baseline results."),
            "run_1": Trial("Adaptive blocks", "adaptive blocks", "A gate for each block."),
            "run_2": Trial("Static blocks", "static blocks", "One learned number for each block."),
        },
        drawn("adaptive_block", 3, datasets, levels, -0.12),
        {("run_1", "best_val_loss"): 1.5183, ("run_2", "best_val_loss"): 1.4911},
        {"n_layer": 6, "n_head": 6, "n_embd": 384, "dropout": 0.2, "block_size": 256,
         "max_iters": 5000},
        {"vaswani2017attention": ATTENTION, "srivastava2014dropout": DROPOUT,
         "loshchilov2019decoupled": ADAMW},
        "suffixed",
        {
            "val_loss_all_datasets.png": ("", "validation loss over iterations"),
            "gates_run_1.png": ("run_1", "the weights of the blocks"),
            "gates_run_2.png": ("run_2", "the weights of the blocks"),
        },
    )  # fmt: skip


def weight_init() -> Study:
    """Drawn in the shape of grokking: four data sets, three seeds, accuracy as a share."""
    datasets = ("x_div_y", "x_minus_y", "x_plus_y", "permutation")
    levels: dict[str, dict[str, tuple[float, float]]] = {
        "run_0": {"final_val_acc": (0.962, 0.004), "final_val_loss": (0.171, 0.006),
                  "final_train_acc": (0.9991, 0.0002), "step_val_acc_99": (4210.0, 160.0)},
        "run_1": {"final_val_acc": (0.983, 0.002), "final_val_loss": (0.092, 0.004),
                  "final_train_acc": (0.9994, 0.0002), "step_val_acc_99": (2350.0, 90.0)},
        "run_2": {"final_val_acc": (0.958, 0.009), "final_val_loss": (0.181, 0.02),
                  "final_train_acc": (0.9989, 0.0002), "step_val_acc_99": (4150.0, 310.0)},
        "run_3": {"final_val_acc": (0.931, 0.006), "final_val_loss": (0.264, 0.009),
                  "final_train_acc": (0.9972, 0.0004), "step_val_acc_99": (5480.0, 240.0)},
    }  # fmt: skip
    return Study(
        "weight_init",
        Words(
            "Initialisation and the Delay of Grokking",
            "orthogonal initialisation",
            "Networks may generalise long after they have fitted their training data.",
            "The weights of the transformer are initialised in several ways.",
            "Grokking was described on small algorithmic data {0}. Transformers {1} and AdamW {2} "
            "are what we use.",
            "The transformer has 2 layers, 4 heads and 128 dimensions; we train for 7,500 steps "
            "with a batch size of 512 and a weight decay of 0.5.",
            "Only one size of model was looked at.",
            "the warm-up of the learning rate",
            "x_times_y",
        ),
        (
            Measure("final_val_acc", "validation accuracy", "Val. acc.", "", "higher", 3, True),
            Measure("final_val_loss", "validation loss", "Val. loss", "", "lower", 3),
            Measure("step_val_acc_99", "number of steps to generalise", "Steps", "steps",
                    "lower", 0),
            Measure("final_train_acc", "training accuracy", "Train acc.", "", "higher", 4, True),
        ),
        {
            "run_0": Trial("Baseline", "the baseline", "Baseline results: PyTorch's default."),
            "run_1": Trial("Orthogonal", "orthogonal initialisation", "Orthogonal matrices."),
            "run_2": Trial("Xavier", "Xavier initialisation", "Xavier's uniform initialisation."),
            "run_3": Trial("He", "He initialisation", "He's normal initialisation."),
        },
        drawn("weight_init", 3, datasets, levels, 0.1),
        {("run_1", "final_val_acc"): 0.9471, ("run_1", "final_val_loss"): 0.2012},
        {"num_layers": 2, "num_heads": 4, "dim_model": 128, "batch_size": 512,
         "num_steps": 7500, "weight_decay": 0.5},
        {"power2022grokking": GROKKING, "vaswani2017attention": ATTENTION,
         "loshchilov2019decoupled": ADAMW},
        "suffixed",
        {
            "val_acc_x_div_y.png": ("", "validation accuracy over steps"),
            "train_acc_run_1.png": ("run_1", "training accuracy over steps"),
            "train_acc_run_3.png": ("run_3", "training accuracy over steps"),
        },
    )  # fmt: skip


def subword_mixing() -> Study:
    """Drawn: translation, one data set, five seeds."""
    levels: dict[str, dict[str, tuple[float, float]]] = {
        "run_0": {"bleu": (27.31, 0.12), "chrf": (54.8, 0.2), "val_loss": (2.214, 0.008),
                  "train_minutes": (41.2, 0.3)},
        "run_1": {"bleu": (28.46, 0.13), "chrf": (55.9, 0.2), "val_loss": (2.171, 0.008),
                  "train_minutes": (44.9, 0.4)},
        "run_2": {"bleu": (27.42, 0.25), "chrf": (54.9, 0.4), "val_loss": (2.209, 0.016),
                  "train_minutes": (43.5, 0.4)},
        "run_3": {"bleu": (26.15, 0.15), "chrf": (53.6, 0.3), "val_loss": (2.288, 0.009),
                  "train_minutes": (38.7, 0.3)},
    }  # fmt: skip
    return Study(
        "subword_mixing",
        Words(
            "Mixing Segmentations of Words for Small Translation Models",
            "subword mixing",
            "One segmentation of a word hides what its parts have in common with others.",
            "A word is segmented in two ways, and the embeddings of both are added.",
            "We use transformers {0}, trained with Adam {1}, and score with BLEU {2}.",
            "The vocabulary has 8,000 pieces, the model 4 layers and 256 dimensions; a batch holds "
            "4,096 tokens.",
            "One pair of languages tells nothing about others.",
            "the second vocabulary's embeddings",
            "WMT19 Finnish",
        ),
        (
            Measure("bleu", "BLEU", "BLEU", "", "higher", 2),
            Measure("chrf", "chrF", "chrF", "", "higher", 1),
            Measure("val_loss", "validation loss", "Val. loss", "", "lower", 3),
            Measure("train_minutes", "training time", "Time", "min", "lower", 1),
        ),
        {
            "run_0": Trial("Baseline", "the baseline", "Baseline results: one segmentation."),
            "run_1": Trial("Subword mixing", "subword mixing", "Two segmentations, added."),
            "run_2": Trial("Dropout of merges", "dropout of merges", "Merges are left out at 0.1."),
            "run_3": Trial("Characters", "the character model", "Characters alone."),
        },
        drawn("subword_mixing", 5, ("multi30k",), levels),
        {("run_1", "bleu"): 25.83, ("run_2", "val_loss"): 2.3514},
        {"vocabulary": 8000, "layers": 4, "width": 256, "tokens_per_batch": 4096,
         "merge_dropout": 0.1},
        {"vaswani2017attention": ATTENTION, "kingma2014adam": ADAM, "papineni2002bleu": BLEU},
        pictures={
            "bleu_by_length.png": ("", "BLEU by the length of sentences"),
            "curves_run_1.png": ("run_1", "validation loss over steps"),
            "curves_run_2.png": ("run_2", "validation loss over steps"),
        },
    )  # fmt: skip


def feature_gates() -> Study:
    """Drawn: regression on tables, three data sets, four seeds."""
    datasets = ("california", "diabetes", "concrete")
    levels: dict[str, dict[str, tuple[float, float]]] = {
        "run_0": {"rmse": (0.5214, 0.004), "mae": (0.3611, 0.003), "r2": (0.794, 0.003),
                  "fit_seconds": (12.4, 0.2)},
        "run_1": {"rmse": (0.4987, 0.004), "mae": (0.3402, 0.003), "r2": (0.812, 0.003),
                  "fit_seconds": (14.9, 0.2)},
        "run_2": {"rmse": (0.5198, 0.009), "mae": (0.3590, 0.006), "r2": (0.7951, 0.006),
                  "fit_seconds": (12.9, 0.2)},
    }  # fmt: skip
    return Study(
        "feature_gates",
        Words(
            "Gated Features for Regression on Small Tables",
            "feature gating",
            "Networks for tables lose to trees where many columns say nothing.",
            "A gate for each column is trained with the network and multiplies its input.",
            "Boosted trees {0} are strong on tables. We train with Adam {1} and dropout {2}.",
            "The network has 3 layers of 128 units; we train for 200 epochs with early stopping "
            "after 20 epochs without progress.",
            "The tables are small.",
            "the sparsity penalty of the gates",
            "Allstate claims",
        ),
        (
            Measure("rmse", "RMSE", "RMSE", "", "lower", 3),
            Measure("mae", "MAE", "MAE", "", "lower", 3),
            Measure("r2", "R2", "$R^2$", "", "higher", 3),
            Measure("fit_seconds", "fitting time", "Fit", "s", "lower", 1),
        ),
        {
            "run_0": Trial("Baseline", "the baseline", "Baseline results: no gates."),
            "run_1": Trial("Gates", "feature gating", "One gate a column."),
            "run_2": Trial("Frozen gates", "frozen gates", "Control: gates are drawn and frozen."),
        },
        drawn("feature_gates", 4, datasets, levels, 0.2),
        {("run_1", "rmse"): 0.5466, ("run_2", "mae"): 0.3874},
        {"layers": 3, "units": 128, "epochs": 200, "patience": 20, "dropout": 0.1},
        {"chen2016xgboost": BOOST, "kingma2014adam": ADAM, "srivastava2014dropout": DROPOUT},
        pictures={
            "rmse_all.png": ("", "RMSE of all runs"),
            "gates_run_1.png": ("run_1", "the gates of all columns"),
            "gates_run_2.png": ("run_2", "the gates of all columns"),
        },
    )  # fmt: skip


def boundary_loss() -> Study:
    """Drawn and held out: segmentation, one seed, shares and megabytes."""
    levels: dict[str, dict[str, tuple[float, float]]] = {
        "run_0": {"miou": (0.7123, 0.002), "dice": (0.8217, 0.002), "latency_ms": (18.43, 0.1),
                  "model_mb": (31.2, 0.0)},
        "run_1": {"miou": (0.7351, 0.002), "dice": (0.8402, 0.002), "latency_ms": (18.61, 0.1),
                  "model_mb": (31.2, 0.0)},
        "run_2": {"miou": (0.7240, 0.002), "dice": (0.8298, 0.002), "latency_ms": (24.87, 0.1),
                  "model_mb": (43.7, 0.0)},
        "run_3": {"miou": (0.6984, 0.002), "dice": (0.8093, 0.002), "latency_ms": (11.92, 0.1),
                  "model_mb": (14.8, 0.0)},
    }  # fmt: skip
    return Study(
        "boundary_loss",
        Words(
            "A Loss on Boundaries for Compact Segmentation Networks",
            "the boundary loss",
            "Compact networks blur the boundaries between regions.",
            "Pixels near a boundary weigh more in the loss.",
            "Fully convolutional networks {0} and U-Nets {1} are common. Adam {2} trains ours.",
            "Crops have 256 by 256 pixels, a batch has 16 of them, and training takes 80 epochs.",
            "Every number comes from a single seed.",
            "the distance transform",
            "Cityscapes",
        ),
        (
            Measure("miou", "mIoU", "mIoU", "", "higher", 3, True),
            Measure("dice", "Dice score", "Dice", "", "higher", 3, True),
            Measure("latency_ms", "latency", "Latency", "ms", "lower", 1),
            Measure("model_mb", "model size", "Size", "MB", "lower", 1),
        ),
        {
            "run_0": Trial("Baseline", "the baseline", "Baseline results: plain cross-entropy."),
            "run_1": Trial("Boundary loss", "the boundary loss", "Boundaries weigh threefold."),
            "run_2": Trial("Wider decoder", "the wider decoder", "The decoder has more channels."),
            "run_3": Trial("Slim encoder", "the slim encoder", "The encoder has fewer channels."),
        },
        drawn("boundary_loss", 1, ("cells",), levels),
        {("run_1", "miou"): 0.6891, ("run_2", "latency_ms"): 29.44},
        {"crop": 256, "batch_size": 16, "epochs": 80, "boundary_weight": 3.0},
        {"long2015fully": FCN, "ronneberger2015unet": UNET, "kingma2014adam": ADAM},
        "means",
        {
            "overview.png": ("", "mIoU against latency"),
            "masks_run_1.png": ("run_1", "predicted masks"),
            "masks_run_2.png": ("run_2", "predicted masks"),
        },
    )


def reward_shaping() -> Study:
    """Drawn and held out: reinforcement learning, two data sets, five seeds, returns below zero."""
    levels: dict[str, dict[str, tuple[float, float]]] = {
        "run_0": {"episode_return": (-152.4, 4.1), "success_rate": (0.612, 0.015),
                  "episode_length": (187.3, 3.0), "hours": (2.31, 0.02)},
        "run_1": {"episode_return": (-118.9, 3.6), "success_rate": (0.718, 0.012),
                  "episode_length": (151.2, 2.6), "hours": (2.34, 0.02)},
        "run_2": {"episode_return": (-149.7, 7.9), "success_rate": (0.621, 0.03),
                  "episode_length": (184.9, 5.5), "hours": (2.33, 0.02)},
    }  # fmt: skip
    return Study(
        "reward_shaping",
        Words(
            "Potential-Based Shaping Learned from Failures",
            "learned shaping",
            "Agents learn slowly where rewards are rare.",
            "A potential is learned from episodes that failed, and shapes the reward.",
            "We build on PPO {0}; deep reinforcement learning began with value learning {1}. The "
            "optimiser is Adam {2}.",
            "Agents see 1,000,000 steps in 8 environments at a time; a rollout has 128 steps and "
            "the discount is 0.99.",
            "Both environments are small.",
            "the buffer of failures",
            "MontezumaRevenge",
        ),
        (
            Measure("episode_return", "episode return", "Return", "", "higher", 1),
            Measure("success_rate", "success rate", "Success", "", "higher", 3, True),
            Measure("episode_length", "episode length", "Length", "steps", "lower", 1),
            Measure("hours", "training time", "Time", "h", "lower", 2),
        ),
        {
            "run_0": Trial("Baseline", "the baseline", "Baseline results: PPO without shaping."),
            "run_1": Trial("Learned shaping", "learned shaping", "The potential is learned."),
            "run_2": Trial("Random potential", "the random potential",
                           "Control: the potential is drawn and frozen."),
        },
        drawn("reward_shaping", 5, ("four_rooms", "key_door"), levels, 0.15),
        {("run_1", "episode_return"): -171.3, ("run_1", "success_rate"): 0.5432},
        {"total_steps": 1000000, "num_envs": 8, "rollout": 128, "gamma": 0.99},
        {"schulman2017proximal": PPO, "mnih2015human": DQN, "kingma2014adam": ADAM},
        "plain",
        {
            "returns.png": ("", "the episode return over steps"),
            "potential_run_1.png": ("run_1", "the potential"),
            "potential_run_2.png": ("run_2", "the potential"),
        },
    )  # fmt: skip
