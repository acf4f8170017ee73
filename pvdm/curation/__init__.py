"""From a heap of raw video to a catalogue of clips that training reads, as in Stable Video Diffusion, appendix C."""
