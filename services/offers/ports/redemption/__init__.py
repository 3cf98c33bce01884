"""What redeeming at a till needs: rows locked within one transaction."""
