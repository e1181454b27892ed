using System;

namespace DurableGateway.Client;

/// <summary>A step has no outcome yet, and none will come in this attempt. It does not leave the SDK: the step is parked.</summary>
internal sealed class StepPendingException(string step) : Exception($"Step '{step}' has no outcome yet.");
