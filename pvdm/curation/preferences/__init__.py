"""What people prefer: blind pairs of videos, their votes, and Elo ratings."""
