"""What becomes text: Airflow's settings, DAGs, files for schedulers. Reads templates/, writes nothing."""
