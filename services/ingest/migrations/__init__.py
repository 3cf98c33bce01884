"""Numbered SQL, applied in order by libs.common.persistence.migrate."""
