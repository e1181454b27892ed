using System;

namespace DurableGateway.Client;

/// <summary>A step gets no outcome in this attempt. The SDK catches the exception and parks the step.</summary>
internal sealed class StepPendingException(string step) : Exception($"Step '{step}' has no outcome yet.");
