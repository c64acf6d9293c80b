"""What the notebooks and run_all.py share: from a dataset's files to a rendered report.

Data flows one way, and imports follow it; each module uses only those below it.

    pipeline    stages -> papermill: which are up to date, run, record
    reports     an executed notebook -> one offline HTML file; the index over runs
    draw        a network inside a page: draw a digit, and it answers
    plots       arrays in, matplotlib figure out
    evaluation  model + images -> predictions -> metrics
    training    the loop: recipe + images -> trained weights and a history
    recipes     named training recipes
    models      the networks
    corruptions images made harder to read, to ask how a network holds up
    transforms  batches of images: shuffled and augmented for training
    data        a dataset's name -> checked uint8 images and labels; splits
    downloads   MNIST and its relatives: four files each, fetched from mirrors, checked
    folders     a folder of images by class -> arrays framed as MNIST's are
    runs        a run's folder: names, atomic writes, the manifest, the errors
"""
