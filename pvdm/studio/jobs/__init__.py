"""Jobs: tasks on uploaded videos and exports of streams, which take turns with the streams on one model."""
